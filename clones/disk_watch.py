"""The disks of running clones: what they take by now, and what happens when the host has no room for more.

QEMU holds a guest still in the middle of a write that the host has no room for. Its clone says so, and it
goes on by itself as soon as there is room.
"""

import logging
import os
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from audit.services import SYSTEM, operation
from clones.models import Clone
from clones.services import clone_moved
from clones.specs import record_of
from cowweb.live import ring
from cowweb.wording import duration, size
from hosts.drivers.errors import DriverError
from hosts.services import local_driver

logger = logging.getLogger(__name__)
Status = Clone.Status
FULL = "The host's disk is full. Its guest stands still, and goes on by itself when there is room."
WENT_ON = "It stood still for {} while the host's disk was full, and went on."
ROOM_BYTES = 64 << 20
ROOM_SHARE = 20  # or a twentieth of a small file system


def full_disks_looked_after() -> int:
    """Looks at every clone that has a machine; returns how many rows or machines were changed."""
    watched = Clone.objects.filter(
        status__in=[Status.RUNNING, Status.PAUSED, Status.STARTING], record__isnull=False
    )
    return sum(looked_after(clone) for clone in watched)


def looked_after(clone: Clone) -> bool:
    waits = local_driver().waits_for_room(record_of(clone))
    if waits and (clone.note != FULL or clone.status == Status.RUNNING):
        return held(clone)
    if waits and room_on(clone) >= room_wanted(clone):
        return went_on(clone)
    if not waits and clone.note == FULL:
        return noted(clone)  # someone else had it go on
    return False


def held(clone: Clone) -> bool:
    """Says on the clone why it stands still. One that is starting goes on being started."""
    with operation(
        SYSTEM, "pause_full_disk", target=f"clone:{clone.name}", params={"free": size(room_on(clone))}
    ):
        to = Status.STARTING if clone.status == Status.STARTING else Status.PAUSED
        since = [clone.status]
        moved = clone_moved(clone.pk, to=to, since=since, note=FULL)
    if moved:
        logger.warning("The disk is full: clone %s stands still", clone.name)
    return moved


def went_on(clone: Clone) -> bool:
    """There is room: its guest goes on with the write that was refused."""
    with operation(SYSTEM, "resume_full_disk", target=f"clone:{clone.name}"):
        try:
            local_driver().resume(record_of(clone))
        except DriverError as error:
            logger.warning("Clone %s could not go on: %s", clone.name, error)
            return False
        return noted(clone)


def noted(clone: Clone) -> bool:
    stood: timedelta = timezone.now() - clone.changed_at
    note = WENT_ON.format(duration(stood.total_seconds() * 1000))
    to = Status.STARTING if clone.status == Status.STARTING else Status.RUNNING
    return clone_moved(clone.pk, to=to, since=[Status.STARTING, Status.PAUSED, Status.RUNNING], note=note)


def room_on(clone: Clone) -> int:
    """Bytes that are free where its disk lies."""
    found = os.statvfs(clone.folder)
    return found.f_bavail * found.f_frsize


def room_wanted(clone: Clone) -> int:
    """Free bytes from which it is worth going on."""
    found = os.statvfs(clone.folder)
    return min(ROOM_BYTES, found.f_blocks * found.f_frsize // ROOM_SHARE)


def disks_measured() -> int:
    """Keeps what the disks of running clones take by now; returns how many had grown or shrunk."""
    changed = 0
    for clone in Clone.objects.active():
        try:
            taken = clone.disk.stat().st_blocks * 512
        except OSError:
            continue
        if taken != clone.disk_bytes:
            with transaction.atomic():
                changed += Clone.objects.filter(pk=clone.pk).update(disk_bytes=taken)
                ring(f"clone.{clone.pk}")
    return changed
