"""A reboot from within: what went on from memory is booted anew, what booted just boots."""

import contextlib
import time

import pytest

from clones.machines import guest_of
from clones.reconcile import clones_reconciled
from hosts.drivers.errors import DriverError
from hosts.jobs import work
from hosts.models import Job
from tests.clones.memory.conftest import fresh

pytestmark = [pytest.mark.guest, pytest.mark.django_db]
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def reboot(clone):
    with contextlib.suppress(DriverError), guest_of(fresh(clone)) as guest:
        guest.run("sync; reboot -f", timeout_s=10)


def test_a_memory_clone_that_reboots_comes_up_by_its_own_kernel(memory_site):
    clone = memory_site.clone("again")
    first = memory_site.says(clone, f"echo kept > /root/mark; {BOOT_ID}")
    keys = clone.login_public, clone.host_public
    reboot(clone)
    began = time.monotonic()
    while not clones_reconciled():
        assert time.monotonic() - began < 60
        time.sleep(0.1)
    starting = fresh(clone)
    assert starting.status == "starting"
    assert "rebooted" in starting.note
    work(Job.objects.filter(subject_id=clone.pk, task__endswith="clone_start_task").latest("pk").pk)
    clone = fresh(clone)
    assert clone.status == "running", clone.failure
    assert clone.way == "cold"
    assert "rebooted" in clone.note
    assert (clone.login_public, clone.host_public) == keys
    second = memory_site.says(clone, f"cat /root/mark >&2; hostname >&2; {BOOT_ID}")
    assert second != first
    assert memory_site.says(clone, "cat /root/mark; hostname").split() == ["kept", "again"]

    process = clone.record["pid"]
    reboot(clone)  # now it can boot by itself
    began = time.monotonic()
    third = second
    while third == second:
        assert time.monotonic() - began < 120
        assert not clones_reconciled()
        with contextlib.suppress(DriverError, AssertionError):
            third = memory_site.says(clone, BOOT_ID)
    assert fresh(clone).status == "running"
    assert fresh(clone).record["pid"] == process
