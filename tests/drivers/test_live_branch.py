"""A running machine's moment is written down: another goes on from it, and it goes on itself."""

import os
import subprocess
from dataclasses import replace
from uuid import uuid4

import pytest

from hosts.drivers import lifecycle, live_branch
from hosts.drivers.errors import DriverError, NotFound, Refused
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import wait_gone
from hosts.drivers.qmp_pipeline import QmpPipeline
from hosts.drivers.records import Ending, MachineStatus, Memory
from hosts.drivers.unix_sockets import connected
from tests.drivers.boot_sector import boot_sector, until
from tests.drivers.test_live_disk import digest, guest_writes, overlay_on

pytestmark = pytest.mark.slow


@pytest.fixture
def waiting(driver, tmp_path, empty_machine):
    disk = tmp_path / "own.qcow2"
    driver.disk_create(disk, backing=boot_sector(tmp_path / "wait.qcow2", "power-off", after_s=5))
    spec = empty_machine(disk=disk)
    record = driver.start(spec).record
    until(lambda: "B" in driver.console_tail(spec.folder))
    return spec, record


def test_two_go_on_from_one_moment_and_share_nothing_they_write(driver, tmp_path, waiting):
    spec, record = waiting
    state, child_disk = tmp_path / "child.state", tmp_path / "child.qcow2"
    layer, overlay = overlay_on(driver, tmp_path, spec, "a1")
    pause_ms = driver.branch(record, overlay, mark="a1", state=state)
    assert 0 < pause_ms < 5000
    assert driver.status(record) is MachineStatus.RUNNING
    assert driver.writes_to(record, "a1")
    before = digest(layer), digest(state)
    driver.disk_create(child_disk, backing=layer)
    child = replace(
        spec,
        uuid=uuid4(),
        folder=tmp_path / "child",
        disk=child_disk,
        memory=Memory(None, shared=False, state=state, paused=True),
    )
    started = driver.start(child)
    driver.resume(started.record)
    guest_writes(record, "512k", "0x42")
    guest_writes(started.record, "512k", "0x43")
    for folder, machine in ((spec.folder, record), (child.folder, started.record)):
        assert wait_gone(process_of(machine), timeout_s=60)
        assert driver.ending(folder) is Ending.POWER_OFF
    assert driver.console_tail(spec.folder).count("B") == 1
    assert driver.console_tail(child.folder) == ""  # it did not boot
    assert (digest(layer), digest(state)) == before


@pytest.mark.parametrize("hows", [("put", "put"), ("branch", "branch", "put", "branch")])
def test_others_can_stand_on_every_layer_although_disks_are_renamed(driver, tmp_path, empty_machine, hows):
    spec = empty_machine()
    record = driver.start(spec).record
    for number, how in enumerate(hows):
        mark = f"a{number}"
        layer, overlay = overlay_on(driver, tmp_path, spec, mark)
        if how == "put":
            driver.layer_put(record, overlay, mark=mark)
        else:
            driver.branch(record, overlay, mark=mark, state=tmp_path / mark)
        overlay.rename(spec.disk)  # as a clone's disk always has the clone's name
        look = ["qemu-io", "-r", "-f", "qcow2", "-c", "read 0 512", str(layer)]
        assert subprocess.run(look, capture_output=True).returncode == 0  # takes the lock that another would
        assert not overlay.exists()
    driver.shutdown(record, grace_s=0)
    assert driver.image_check(spec.disk).clean


def test_what_cannot_be_written_down_runs_on_and_can_be_branched_later(driver, tmp_path, small_room, waiting):
    spec, record = waiting
    _, overlay = overlay_on(driver, tmp_path, spec, "a1")
    for _ in range(2):
        with pytest.raises(DriverError):
            driver.branch(record, overlay, mark="a1", state=small_room / "state")
        assert driver.status(record) is MachineStatus.RUNNING
        assert not driver.writes_to(record, "a1")
        assert list(small_room.iterdir()) == []
    assert driver.branch(record, overlay, mark="a1", state=tmp_path / "state") > 0
    assert driver.writes_to(record, "a1")


def test_a_machine_that_a_dead_server_left_half_branched_is_branched_anew(driver, tmp_path, waiting):
    spec, record = waiting
    _, overlay = overlay_on(driver, tmp_path, spec, "a1")
    descriptor = os.open(tmp_path / "dead", os.O_WRONLY | os.O_CREAT)
    with QmpPipeline(connected(spec.folder, "qmp.sock", timeout_s=5)) as monitor:
        live_branch.begin(monitor, descriptor, "disk")
        live_branch.copied_to(monitor, live_branch.SWITCH)
    os.close(descriptor)
    assert driver.status(record) is MachineStatus.PAUSED  # and would stay so
    driver.branch_ended(record)
    assert driver.status(record) is MachineStatus.RUNNING
    driver.branch_ended(record)  # nothing to do
    assert driver.branch(record, overlay, mark="a1", state=tmp_path / "state") > 0
    assert driver.status(record) is MachineStatus.RUNNING


def test_only_what_runs_can_be_branched(driver, tmp_path, waiting):
    spec, record = waiting
    _, overlay = overlay_on(driver, tmp_path, spec, "a1")
    driver.pause(record)
    with pytest.raises(Refused, match="paused"):
        driver.branch(record, overlay, mark="a1", state=tmp_path / "state")
    assert driver.status(record) is MachineStatus.PAUSED
    driver.kill(record)
    with pytest.raises(NotFound):
        driver.branch(record, overlay, mark="a1", state=tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_a_machine_with_a_device_that_another_would_not_have_is_refused(driver, tmp_path, waiting):
    spec, record = waiting
    _, overlay = overlay_on(driver, tmp_path, spec, "a1")
    with lifecycle.monitor(record) as qmp:
        qmp.execute("device_add", {"driver": "virtserialport", "name": "plugged"})
    with pytest.raises(Refused, match="given a device while it ran"):
        driver.branch(record, overlay, mark="a1", state=tmp_path / "state")
    assert driver.status(record) is MachineStatus.RUNNING
    assert not (tmp_path / "state").exists()


def test_a_machine_of_another_qemu_is_refused(driver, tmp_path, waiting, monkeypatch):
    spec, record = waiting
    _, overlay = overlay_on(driver, tmp_path, spec, "a1")
    monkeypatch.setattr("hosts.drivers.hibernate.qemu_version", lambda: "99.0.0")
    with pytest.raises(Refused, match="this host now has 99"):
        driver.branch(record, overlay, mark="a1", state=tmp_path / "state")
    assert driver.status(record) is MachineStatus.RUNNING


def test_nothing_gets_into_a_machine_that_is_held_until_it_is_let_out(driver, tmp_path, waiting):
    spec, record = waiting
    _, overlay = overlay_on(driver, tmp_path, spec, "a1")
    driver.branch(record, overlay, mark="a1", state=tmp_path / "state")
    child_disk = tmp_path / "child.qcow2"
    driver.disk_create(child_disk, backing=tmp_path / "layer-a1.qcow2")
    memory = Memory(None, shared=False, state=tmp_path / "state", paused=True, held=True)
    child = driver.start(
        replace(spec, uuid=uuid4(), folder=tmp_path / "child", disk=child_disk, memory=memory)
    ).record
    with lifecycle.monitor(child) as qmp:
        assert qmp.execute("qom-get", {"path": "/objects/hold", "property": "status"}) == "on"
    driver.let_out(child)
    with pytest.raises(DriverError):
        driver.let_out(child)
