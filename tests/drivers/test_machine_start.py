"""Starting a machine: what it gets, what it keeps secret, and what is left when it does not start."""

import dataclasses
import os
import re
import socket
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from hosts.drivers.errors import Busy, DriverError, NotFound
from hosts.drivers.machine_args import machine_argv
from hosts.drivers.machine_record import read_record
from hosts.drivers.qmp import Qmp
from hosts.drivers.records import Boot, BootKind, MachineStatus, SeedKind

pytestmark = pytest.mark.slow

SOCKETS = {"qmp.sock": 3, "qga.sock": 4, "agent.sock": 5}


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_ports_are_forwarded_from_loopback_only(driver, empty_machine):
    started = driver.start(empty_machine(ports=(80, 22, 8080)))
    assert [forward.guest_port for forward in started.forwards] == [22, 80, 8080]
    ports = [forward.host_port for forward in started.forwards]
    assert len(set(ports)) == 3
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
    assert driver.forwards(started.record) == started.forwards


def test_the_folder_is_private_and_no_secret_is_among_the_arguments(driver, empty_machine, identity):
    spec = empty_machine()
    record = driver.start(spec).record
    assert stat.S_IMODE(spec.folder.stat().st_mode) == 0o700
    kept = modes(spec.folder)
    for name in ("qmp.sock", "qga.sock", "agent.sock", "seed-host-key", "machine.json", "qemu.log"):
        assert kept[name] == 0o600, name
    arguments = Path(f"/proc/{record.pid}/cmdline").read_text()
    assert "PRIVATE KEY" not in arguments
    assert identity.login_public not in arguments
    assert (spec.folder / "seed-host-key").read_text() == identity.host_key


def test_qemu_can_do_nothing_that_it_need_not(driver, empty_machine):
    record = driver.start(empty_machine()).record
    facts = dict(
        line.split(":\t")
        for line in Path(f"/proc/{record.pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    assert int(facts["CapEff"], 16) == 0
    assert os.getsid(record.pid) == record.pid


def test_a_path_longer_than_a_socket_address_works(driver, empty_machine, tmp_path):
    deep = tmp_path / ("long-" * 20) / ("name,with=odd:signs-" * 5)
    deep.mkdir(parents=True)
    record = driver.start(empty_machine(folder=deep / "machine")).record
    assert driver.status(record) is MachineStatus.RUNNING


def test_what_is_translated_of_a_guest_is_kept_within_bounds(driver, empty_machine):
    spec = empty_machine()
    driver.start(spec)
    with Qmp(spec.folder) as qmp:
        most = re.search(r"gen code size +\d+/(\d+)", qmp.hmp("info jit"))
    assert most and int(most[1]) <= 64 << 20


def test_a_machine_starts_once(driver, empty_machine):
    spec = empty_machine()
    record = driver.start(spec).record
    with pytest.raises(Busy, match="runs already"):
        driver.start(spec)
    assert driver.status(record) is MachineStatus.RUNNING


def test_a_disk_in_use_is_busy(driver, empty_machine, tmp_path):
    spec = empty_machine()
    driver.start(spec)
    other = dataclasses.replace(spec, folder=tmp_path / "other", uuid=uuid4())
    with pytest.raises(Busy, match="in use"):
        driver.start(other)
    assert not other.folder.exists()


def test_a_start_that_fails_says_why_and_leaves_nothing(driver, empty_machine, tmp_path):
    spec = empty_machine(disk=tmp_path / "missing.qcow2")
    with pytest.raises(DriverError, match="No such file or directory") as failed:
        driver.start(spec)
    assert failed.value.exit_code == 1
    assert failed.value.argv[0] == "qemu-system-x86_64"
    assert not spec.folder.exists()
    assert not driver.running(tmp_path)


def test_a_failed_start_in_a_folder_of_before_removes_only_what_it_made(driver, empty_machine, tmp_path):
    spec = empty_machine(disk=tmp_path / "missing.qcow2")
    spec.folder.mkdir()
    (spec.folder / "serial.log").write_text("of an earlier life\n")
    with pytest.raises(DriverError):
        driver.start(spec)
    assert not {"machine.json", "qmp.sock", "seed-host-key"} & set(modes(spec.folder))
    assert "of an earlier life" in driver.console_tail(spec.folder)


def test_a_folder_without_a_parent_is_not_found(driver, empty_machine, tmp_path):
    with pytest.raises(NotFound):
        driver.start(empty_machine(folder=tmp_path / "no" / "where"))


def test_uefi_machines_have_variables_of_their_own(driver, empty_machine):
    spec = empty_machine(boot=Boot(BootKind.UEFI))
    record = driver.start(spec).record
    assert driver.status(record) is MachineStatus.RUNNING
    assert (spec.folder / "uefi-vars.fd").stat().st_size > 0


def test_a_cloud_init_machine_gets_its_volume(driver, empty_machine):
    spec = empty_machine(seed=SeedKind.NOCLOUD)
    driver.start(spec)
    assert modes(spec.folder)["seed.img"] == 0o600


def test_a_start_is_on_record_for_whoever_comes_next(driver, empty_machine, tmp_path):
    spec = empty_machine()
    record = driver.start(spec).record
    assert read_record(spec.folder) == record
    assert driver.running(tmp_path) == (record,)
    assert not driver.running(tmp_path / "elsewhere")


def test_no_egress_and_addresses_are_in_the_arguments(empty_machine):
    closed = machine_argv(empty_machine(), accelerator="tcg", sockets=SOCKETS, cut_off=True)
    assert any('"restrict": true' in part for part in closed)
    first, second = empty_machine("a"), empty_machine("b")
    assert machine_argv(first, accelerator="tcg", sockets=SOCKETS) != closed
    macs = {
        part.split('"mac": "')[1][:17]
        for spec in (first, second)
        for part in machine_argv(spec, accelerator="tcg", sockets=SOCKETS)
        if '"mac"' in part
    }
    assert len(macs) == 2
    assert all(mac.startswith("52:54:00:") for mac in macs)
