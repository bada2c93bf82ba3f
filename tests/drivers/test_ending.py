"""Why a machine is gone is told from what QEMU wrote, as this QEMU writes it."""

import contextlib
import os
import signal
from dataclasses import replace
from uuid import uuid4

import pytest

from hosts.drivers.ending import ending_in
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import wait_gone
from hosts.drivers.records import Ending, Memory
from tests.drivers.boot_sector import boot_sector, until

pytestmark = pytest.mark.slow

GONE_S = 40


@pytest.fixture
def gone_on(driver, tmp_path, empty_machine):
    """A machine that goes on from the saved state of one that waits in its boot sector."""

    def make(then, after_s=2):
        base = boot_sector(tmp_path / f"{then}.qcow2", then, after_s=after_s)
        disk = tmp_path / "template-disk.qcow2"
        driver.disk_create(disk, backing=base)
        ram, state = tmp_path / "ram", tmp_path / "state"
        template = empty_machine("template", disk=disk, memory=Memory(ram, shared=True))
        started = driver.start(template)
        until(lambda: "B" in driver.console_tail(template.folder))
        driver.save_and_end(started.record, state)
        own = tmp_path / "own.qcow2"
        driver.disk_create(own, backing=disk)
        spec = replace(
            template,
            uuid=uuid4(),
            folder=tmp_path / "clone",
            disk=own,
            memory=Memory(ram, shared=False, state=state),
        )
        return spec, driver.start(spec).record

    return make


@pytest.mark.parametrize(
    ("then", "how"),
    [("reset", Ending.RESET), ("fault", Ending.RESET), ("power-off", Ending.POWER_OFF)],
)
def test_what_the_guest_did_is_told(driver, gone_on, then, how):
    spec, record = gone_on(then)
    assert wait_gone(process_of(record), timeout_s=GONE_S)
    assert driver.ending(spec.folder) is how


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, None])
def test_an_end_from_outside_is_not_the_guests(driver, gone_on, sent):
    spec, record = gone_on("stay")
    if sent is None:
        driver.shutdown(record, grace_s=0)  # asks QEMU to quit
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, sent)
    assert wait_gone(process_of(record), timeout_s=GONE_S)
    assert driver.ending(spec.folder) is Ending.ENDED


def test_a_machine_that_booted_takes_a_reset_itself(driver, tmp_path, empty_machine):
    base = boot_sector(tmp_path / "reset.qcow2", "reset")
    disk = tmp_path / "own.qcow2"
    driver.disk_create(disk, backing=base)
    spec = empty_machine(disk=disk)
    record = driver.start(spec).record
    until(lambda: driver.console_tail(spec.folder).count("B") > 1)
    assert driver.alive(record)


def test_words_of_the_guest_in_the_log_decide_nothing():
    assert ending_in("") is Ending.ENDED
    assert ending_in("x qemu_system_shutdown_request reason=6") is Ending.ENDED
    assert ending_in("runstate_set current_run_state 8 (paused) new_state 11 (shutdown)") is Ending.ENDED
