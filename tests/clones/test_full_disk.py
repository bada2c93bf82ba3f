"""A guest that fills the host's disk stands still, says why, and goes on when there is room."""

import subprocess
import time

import pytest

from audit.models import AuditEntry
from bases.services import Facts, Source, base_register
from clones.disk_watch import FULL, disks_measured, full_disks_looked_after
from clones.models import Clone
from clones.services import clone_create
from clones.wanted import Wanted
from hosts.jobs import work
from hosts.services import local_driver
from tests.clones.conftest import fresh
from tests.support.machines import machines_ended

# A boot sector that writes 32 KiB to each 64 KiB of its 8 MiB disk, and a dot to the serial port after each:
# cli-free set-up; again: push dx; mov si,dap; mov ax,0x4300; int 0x13; mov dx,0x3f8; mov al,'.'; out dx,al;
# pop dx; add word [lba],0x80; cmp word [lba],0x4000; jb again; stop: hlt; jmp stop
CODE = """
31c0 8ed8 8ec0 8ed0 bc007c fb
52 be407c b80043 cd13 baf803 b02e ee 5a 8106487c8000 813e487c0040 72e2
f4 ebfd"""
PACKET = "1000 4000 007c 0000 8000000000000000"
WRITES = 127
MANY_S = 60


@pytest.fixture
def small_disk(site):
    """The clones' folder on a file system of 2 MiB."""
    folder = site.COWWEB_CLONES
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=711", "tmpfs", str(folder)]).returncode:
        pytest.skip("a file system can only be mounted as root")
    yield folder
    machines_ended(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def writer(site, actor, small_disk):
    """A base whose guest writes all of its disk."""
    raw = site.COWWEB_IMPORT_FOLDERS[0] / "writer.raw"
    code = bytes.fromhex(CODE).ljust(0x40, b"\0") + bytes.fromhex(PACKET)
    raw.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(8 << 20, b"\0"))
    disk = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(raw), str(disk)], check=True)
    return base_register(name="writer", source=Source(disk), facts=Facts(memory_mb=32, cpus=1), actor=actor)


def until(true):
    deadline = time.monotonic() + MANY_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def dots(clone):
    return local_driver().console_tail(clone.folder, lines=1).count(".")


@pytest.mark.django_db
def test_a_full_disk_pauses_the_guest_says_so_and_it_goes_on_when_there_is_room(
    writer, actor, small_disk, running
):
    asked = clone_create(Wanted(base="writer", name="w", start=False), actor=actor)
    work(asked.job.pk)
    clone = running(fresh(asked.clone))
    until(full_disks_looked_after)
    clone = fresh(clone)
    assert (clone.status, clone.note) == (Clone.Status.PAUSED, FULL)
    written = dots(clone)
    assert 0 < written < WRITES
    assert full_disks_looked_after() == 0  # no room yet: nothing is tried, nothing is written down
    assert disks_measured() == 1
    assert fresh(clone).disk_bytes > 1 << 20

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert full_disks_looked_after() == 1
    clone = fresh(clone)
    assert clone.status == Clone.Status.RUNNING
    assert clone.note.startswith("It stood still for ")
    until(lambda: dots(clone) == WRITES)
    assert full_disks_looked_after() == 0
    assert local_driver().alive(local_driver().running(small_disk)[0])
    local_driver().kill(local_driver().running(small_disk)[0])
    assert local_driver().image_check(clone.disk).corruptions == 0
    actions = list(
        AuditEntry.objects.filter(target="clone:w").order_by("pk").values_list("action", flat=True)
    )
    assert actions == ["pause_full_disk", "resume_full_disk"]
