"""Making, starting and ending the machines that clone rows ask for. Blocks; called by tasks and runs.

Every function may be called again after its process died half-way: it looks at what is there and goes on.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.utils import timezone

from bases.integrity import revision_checked
from clones.branching import file_mark, ground_laid, ground_left, settled
from clones.egress import egress_ended
from clones.grounds import grounds_checked
from clones.identity import identity_written
from clones.instant import destroyed, instantly_made, left_half_made, since_ms
from clones.live_branch import live_branched
from clones.models import Clone
from clones.services import clone_moved
from clones.specs import record_of, spec_of
from cowweb.clean import plain_text
from cowweb.errors import ConflictError
from cowweb.flags import Flag
from cowweb.live import ring
from hosts.drivers.base import Channel, Guest, Shell, Size
from hosts.drivers.errors import Cancelled, DriverError, Refused, TimedOut, Unreachable
from hosts.drivers.records import PortForward
from hosts.services import local_driver

Status = Clone.Status
OnPhase = Callable[[str], None]

SSH_LOOK_S = 3.0
LAST_WORDS_LINES = 30


def no_phase(name: str) -> None:
    """For callers who do not follow the phases."""


class Superseded(Flag):
    """Set once the clone is no longer in the state its maker works on: someone asked for something else."""

    def __init__(self, clone_id: int, expected: str, also: Callable[[], bool] | None = None) -> None:
        as_expected = Clone.objects.filter(pk=clone_id, status=expected)
        super().__init__(lambda: not as_expected.exists() or bool(also and also()))


def clone_made(
    clone_id: int, *, on_phase: OnPhase = no_phase, cancel: Callable[[], bool] | None = None
) -> None:
    """Makes the disk of a new clone and starts it if that was asked for."""
    clone = Clone.objects.select_related("revision__base").get(pk=clone_id)
    if left_half_made(clone):
        destroyed(clone)
    if clone.status == Status.CREATING and clone.way_asked == Clone.Way.LIVE:
        live_branched(clone, on_phase=on_phase)
        disk_measured(clone)
        return
    at_once = clone.status == Status.CREATING and clone.start_asked and clone.parent_id is None
    if at_once and instantly_made(clone, on_phase=on_phase):
        disk_measured(clone)
        return
    if clone.status in (Status.STOPPING, Status.STOPPED) and not clone.disk.exists():
        disk_made(clone)  # stopped while it came from memory: with a disk it can be started
    if clone.status == Status.CREATING:
        on_phase("clone")
        with failures_told(clone_id, Status.CREATING):
            disk_made(clone)
        to = Status.STARTING if clone.start_asked else Status.STOPPED
        if not clone_moved(clone_id, to=to, since=[Status.CREATING]):
            raise ConflictError(f"{clone.name} was ended while it was being made")
    if clone.start_asked:
        clone_started(clone_id, on_phase=on_phase, cancel=cancel)


def disk_made(clone: Clone) -> None:
    """The clone's folder, keys and overlay; begun anew if an earlier try left something."""
    start = time.perf_counter()
    shutil.rmtree(clone.folder, ignore_errors=True)
    clone.folder.mkdir(parents=True, mode=0o700)
    try:
        if clone.parent_id and clone.layer_id is None:
            ground_laid(clone)
        local_driver().disk_create(clone.disk, backing=clone.below)
        identity_written(clone)
    except BaseException:
        shutil.rmtree(clone.folder, ignore_errors=True)
        raise
    Clone.objects.filter(pk=clone.pk).update(
        disk_ms=since_ms(start),
        disk_bytes=local_driver().disk_usage(clone.disk).actual_size,
        untouched=file_mark(clone.disk),
    )


def clone_started(
    clone_id: int, *, on_phase: OnPhase = no_phase, cancel: Callable[[], bool] | None = None
) -> None:
    """Brings a clone in state STARTING to RUNNING: its process, then an answer from the guest."""
    clone = Clone.objects.select_related("revision__base").get(pk=clone_id)
    if clone.status == Status.RUNNING:
        return  # an earlier try got this far before its process died
    with failures_told(clone_id, Status.STARTING):
        on_phase("start")
        process_started(clone)
        clone.refresh_from_db()
        on_phase("ready")
        start = time.perf_counter()
        guest_answered(clone, Superseded(clone_id, Status.STARTING, cancel))
        ready_ms = since_ms(start)
    moved = clone_moved(
        clone_id, to=Status.RUNNING, since=[Status.STARTING], ready_ms=ready_ms, ready_at=timezone.now()
    )
    if not moved:
        raise ConflictError(f"{clone.name} was ended while it was starting")
    disk_measured(clone)


def guest_answered(clone: Clone, cancel: Superseded) -> None:
    """Waits for the guest; one that does not answer is told by what it said last, not by who waited."""
    within_s = settings.COWWEB_READY_TIMEOUT_S
    try:
        with guest_of(clone) as guest:
            guest.wait_ready(timeout_s=within_s, cancel=cancel)
    except TimedOut as error:
        words = last_words(clone)
        silent = "" if words else ", and wrote nothing on its serial port"
        raise TimedOut(f"The guest did not answer within {within_s} s{silent}", detail=words) from error


def process_started(clone: Clone) -> None:
    """The machine's process; one that an earlier try started is adopted."""
    driver = local_driver()
    if clone.record and driver.alive(record_of(clone)):
        return
    revision_checked(clone.revision)
    clone.saved_memory.unlink(missing_ok=True)  # of a disk that now moves on
    settled(clone)
    grounds_checked(clone)
    start = time.perf_counter()
    started = driver.start(spec_of(clone))
    Clone.objects.filter(pk=clone.pk).update(
        record=asdict(started.record),
        forwards=[[forward.guest_port, forward.host_port] for forward in started.forwards],
        start_ms=since_ms(start),
        started_at=timezone.now(),
        way=Clone.Way.COLD,
        identity_ms=None,
        denied_attempts=0,
        denied={},
    )
    ring("clones", f"clone.{clone.pk}")


def clone_stopped(clone_id: int, *, grace_s: float | None = None) -> None:
    """Brings a clone in state STOPPING to STOPPED, and on to RUNNING when a restart was asked for. `grace_s`:
    how long the guest may take for it, where that is other than the site's."""
    clone = Clone.objects.get(pk=clone_id)
    with failures_told(clone_id, Status.STOPPING):
        process_ended(clone, grace_s=settings.COWWEB_STOP_GRACE_S if grace_s is None else grace_s)
        egress_ended(clone)
    to = Status.STARTING if clone.start_asked else Status.STOPPED
    clone_moved(clone_id, to=to, since=[Status.STOPPING], record=None, forwards=[])
    disk_measured(clone)
    if clone.start_asked:
        clone_started(clone_id)


def clone_removed(clone_id: int) -> None:
    """Ends the process, deletes the folder; the row stays for the record."""
    clone = Clone.objects.get(pk=clone_id)
    with failures_told(clone_id, Status.REMOVING):
        process_ended(clone, grace_s=0)
        egress_ended(clone)
        shutil.rmtree(clone.folder, ignore_errors=True)
        ground_left(clone)
    clone_moved(
        clone_id,
        to=Status.REMOVED,
        since=[Status.REMOVING],
        record=None,
        forwards=[],
        removed_at=timezone.now(),
    )
    ring("bases")


def process_ended(clone: Clone, *, grace_s: float) -> None:
    """A machine that answers nobody any more is ended all the same, so it is not asked first."""
    if clone.record is None:
        return
    driver, record = local_driver(), record_of(clone)
    if not driver.alive(record):
        return
    if grace_s:
        driver.shutdown(record, grace_s=grace_s)
    else:
        driver.kill(record)


def disk_measured(clone: Clone) -> None:
    """Keeps what the clone's own layer takes now."""
    if clone.disk.exists():
        usage = local_driver().disk_usage(clone.disk)
        Clone.objects.filter(pk=clone.pk).update(disk_bytes=usage.actual_size)


class failures_told:
    """Stores what went wrong on the clone, with its last words, and leaves no process behind."""

    def __init__(self, clone_id: int, state: str) -> None:
        self.clone_id, self.state = clone_id, state

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception):
            return
        clone = Clone.objects.get(pk=self.clone_id)
        superseded = clone.status != self.state
        words = last_words(clone)
        if self.state == Status.STARTING and not (superseded and clone.status == Status.STOPPING):
            process_ended(clone, grace_s=0)
        if superseded:
            raise ConflictError(f"{clone.name} was ended while it was {self.state}") from error
        reason = (
            "Cancelled while it was starting"
            if isinstance(error, Cancelled)
            else str(error) or type(error).__name__
        )
        fields: dict[str, Any] = {"failure": reason, "failure_detail": unsaid(error, reason) or words}
        if self.state in (Status.CREATING, Status.STARTING):
            fields |= {"record": None, "forwards": []}
        clone_moved(self.clone_id, to=Status.FAILED, since=[self.state], **fields)


def unsaid(error: Exception, sentence: str) -> str:
    """What was printed where it went wrong; empty where the sentence says it already."""
    own = error.detail.strip() if isinstance(error, DriverError) else ""
    return "" if own in sentence else own


def last_words(clone: Clone) -> str:
    """The tail of the serial console; empty when there is none."""
    try:
        return plain_text(local_driver().console_tail(clone.folder, lines=LAST_WORDS_LINES))
    except DriverError:
        return ""


def free_guest(clone: Clone) -> Guest:
    """A way in that is in nobody's way: SSH where it answers, as our agent serves one at a time."""
    try:
        guest = guest_of(clone, channel="ssh")
    except Refused:
        return guest_of(clone)
    try:
        guest.wait_ready(timeout_s=SSH_LOOK_S)
    except (TimedOut, Unreachable):
        guest.close()
        return guest_of(clone)
    return guest


def shell_of(clone: Clone, size: Size) -> Shell:
    """A terminal in a clone that has a process."""
    if clone.record is None:
        raise ConflictError(f"{clone.name} is {clone.status}; its guest cannot be reached")
    forwards = [PortForward(guest, host) for guest, host in clone.forwards]
    return local_driver().shell(spec_of(clone), record_of(clone), forwards, size)


def guest_of(clone: Clone, *, channel: Channel | None = None) -> Guest:
    """A way into a clone that has a process: the best there is, or the one that is asked for."""
    if clone.record is None:
        raise ConflictError(f"{clone.name} is {clone.status}; its guest cannot be reached")
    forwards = [PortForward(guest, host) for guest, host in clone.forwards]
    return local_driver().guest(spec_of(clone), record_of(clone), forwards, channel=channel)
