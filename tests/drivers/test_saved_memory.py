"""A machine's memory goes to disk and comes back, with no guest but one that waits."""

import stat
from dataclasses import replace

import pytest

from hosts.drivers import hibernate
from hosts.drivers.errors import DriverError, Refused
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import wait_gone
from hosts.drivers.records import Ending, MachineStatus, Memory
from tests.drivers.boot_sector import boot_sector, until

pytestmark = pytest.mark.slow


@pytest.fixture
def waiting(driver, tmp_path, empty_machine):
    """Powers itself off a few seconds after it was up, all in all."""
    disk = tmp_path / "own.qcow2"
    driver.disk_create(disk, backing=boot_sector(tmp_path / "wait.qcow2", "power-off", after_s=3))
    spec = empty_machine(disk=disk, ports=(8080,))
    started = driver.start(spec)
    until(lambda: "B" in driver.console_tail(spec.folder))
    return spec, started


def test_it_comes_back_where_it_was_under_new_ports(driver, tmp_path, waiting):
    spec, started = waiting
    state = tmp_path / "memory.state"
    saved = driver.save_whole_and_end(started.record, state)
    assert driver.status(started.record) is MachineStatus.GONE
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert 0 < saved.size == state.stat().st_size < 64 << 20
    assert list(tmp_path.glob("*.part")) == []
    back = driver.start(replace(spec, memory=Memory(None, shared=False, state=state, paused=True)))
    assert driver.status(back.record) is MachineStatus.PAUSED
    assert [forward.guest_port for forward in back.forwards] == [22, 8080]
    driver.resume(back.record)
    assert wait_gone(process_of(back.record), timeout_s=40)
    assert driver.ending(spec.folder) is Ending.POWER_OFF  # its sector went on; booting would have said B
    assert driver.console_tail(spec.folder).count("B") == 1


def test_what_cannot_be_saved_goes_on(driver, small_room, waiting):
    _, started = waiting
    for before in (MachineStatus.RUNNING, MachineStatus.PAUSED):
        with pytest.raises(DriverError, match="saved"):
            driver.save_whole_and_end(started.record, small_room / "memory.state")
        assert driver.status(started.record) is before
        assert list(small_room.iterdir()) == []
        driver.pause(started.record)


def test_another_qemu_than_the_installed_saves_nothing(driver, tmp_path, waiting, monkeypatch):
    _, started = waiting
    monkeypatch.setattr(hibernate, "qemu_version", lambda: "99.0.0")
    with pytest.raises(Refused, match=r"99\.0\.0"):
        driver.save_whole_and_end(started.record, tmp_path / "memory.state")
    assert driver.status(started.record) is MachineStatus.RUNNING
    assert not (tmp_path / "memory.state").exists()
