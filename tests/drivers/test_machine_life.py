"""A machine's life after its start, with no guest in it."""

import dataclasses
import os
import signal
import subprocess
import time
from uuid import uuid4

import pytest

from hosts.drivers.errors import Busy, NotFound, Refused
from hosts.drivers.processes import identify
from hosts.drivers.records import Ending, MachineStatus

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(driver, empty_machine):
    spec = empty_machine()
    return spec, driver.start(spec).record


def test_pause_and_resume_may_be_repeated(driver, machine):
    _, record = machine
    for _ in range(2):
        driver.pause(record)
        assert driver.status(record) is MachineStatus.PAUSED
    for _ in range(2):
        driver.resume(record)
        assert driver.status(record) is MachineStatus.RUNNING
    assert not driver.disk_full(record)


def test_a_killed_machine_is_gone_and_may_be_killed_again(driver, machine):
    spec, record = machine
    for _ in range(2):
        driver.kill(record)
        assert driver.status(record) is MachineStatus.GONE
    assert driver.ending(spec.folder) is Ending.ENDED
    with pytest.raises(NotFound):
        driver.pause(record)


def test_a_machine_that_died_unseen_is_gone(driver, machine):
    _, record = machine
    os.kill(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while driver.status(record) is not MachineStatus.GONE:
        assert time.monotonic() < deadline


def test_a_guest_that_ignores_the_power_button_is_ended_by_force(driver, machine):
    spec, record = machine
    driver.pause(record)
    assert driver.shutdown(record, grace_s=0.5) is False
    assert driver.status(record) is MachineStatus.GONE
    assert driver.ending(spec.folder) is Ending.ENDED


def test_a_hung_qemu_is_killed_all_the_same(driver, machine):
    _, record = machine
    os.kill(record.pid, signal.SIGSTOP)
    driver.kill(record)
    assert driver.status(record) is MachineStatus.GONE


def test_a_hung_qemu_is_not_waited_for_as_long_as_one_that_hears(driver, machine):
    _, record = machine
    os.kill(record.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert driver.shutdown(record, grace_s=1) is False
    assert time.monotonic() - start < 8
    assert driver.status(record) is MachineStatus.GONE


def test_a_strangers_pid_is_never_signalled(driver, machine):
    _, record = machine
    with subprocess.Popen(["sleep", "60"]) as stranger:
        process = identify(stranger.pid)
        stale = dataclasses.replace(record, pid=stranger.pid, started_ticks=process.started_ticks)
        driver.kill(stale)
        assert driver.shutdown(stale, grace_s=0.1) is False
        assert driver.status(stale) is MachineStatus.GONE
        assert stranger.poll() is None
        stranger.kill()


def test_another_machine_in_its_place_is_not_touched(driver, empty_machine, machine):
    _, record = machine
    other = driver.start(empty_machine("other")).record
    with pytest.raises(Refused, match="another machine"):
        driver.kill(dataclasses.replace(record, folder=other.folder))
    impostor = dataclasses.replace(record, uuid=str(uuid4()))
    driver.kill(impostor)
    assert driver.status(impostor) is MachineStatus.GONE
    assert driver.status(record) is driver.status(other) is MachineStatus.RUNNING


def test_snapshots_of_a_running_machine(driver, machine):
    spec, record = machine
    driver.snapshot_create(spec.disk, "1", record)
    with pytest.raises(Refused):
        driver.snapshot_create(spec.disk, "1", record)
    with pytest.raises(Busy):
        driver.snapshot_restore(spec.disk, "1")
    assert driver.image_inspect(spec.disk).snapshots == ("1",)
    driver.snapshot_create(spec.disk, "two", record)
    driver.snapshot_delete(spec.disk, "1", record)
    driver.kill(record)
    driver.snapshot_restore(spec.disk, "two")
    driver.snapshot_delete(spec.disk, "two", record)
    assert driver.image_check(spec.disk).clean


def test_the_console_tail_is_bounded_and_follows_no_link(driver, tmp_path):
    assert driver.console_tail(tmp_path) == ""
    (tmp_path / "serial.log").write_bytes(b"x" * (1 << 20) + b"\nlast\xff but one\r\nlast\n")
    assert driver.console_tail(tmp_path, lines=2) == "last\ufffd but one\nlast"
    assert len(driver.console_tail(tmp_path)) <= 256 * 1024
    (tmp_path / "serial.log").unlink()
    (tmp_path / "serial.log").symlink_to("/etc/passwd")
    assert driver.console_tail(tmp_path) == ""


def test_facts_are_this_hosts(driver):
    facts = driver.facts()
    assert facts.accelerator.accelerator == "tcg"
    assert facts.hypervisor_version[0].isdecimal()
    assert 0 < facts.memory_available_bytes <= facts.memory_bytes
    assert 0 < facts.disk_free_bytes <= facts.disk_bytes
    assert facts.cpus >= 1
