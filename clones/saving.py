"""The work behind `clones.saved`: called by tasks, and again after a server died half-way."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.utils import timezone

from clones.branching import settled
from clones.egress import egress_ended
from clones.grounds import grounds_checked
from clones.instant import ENTROPY_BYTES, since_ms, started_written
from clones.machines import disk_measured, failures_told, guest_of, process_ended
from clones.models import Clone
from clones.services import clone_moved
from clones.specs import record_of, spec_of
from cowweb.errors import ConflictError
from hosts.drivers.agent import AgentGuest
from hosts.drivers.errors import DriverError
from hosts.drivers.records import MachineStatus, Memory
from hosts.services import local_driver

Status = Clone.Status
CLOCK_S = 30.0
NOT_SAVED = "Its memory could not be saved, so it goes on: {}"
NO_CLOCK = "It goes on from its saved memory, but its clock could not be set: {}"


def clone_saved(clone_id: int) -> None:
    """Brings a clone in state STOPPING to STOPPED with its memory on disk; back to what it was otherwise."""
    clone = Clone.objects.select_related("revision__base").get(pk=clone_id)
    if clone.status != Status.STOPPING:
        return
    try:
        saved = saved_now(clone)
    except DriverError as error:
        gone_on(clone, error)
        raise
    egress_ended(clone)
    clone_moved(
        clone_id,
        to=Status.STOPPED,
        since=[Status.STOPPING],
        record=None,
        forwards=[],
        note="",
        saved_at=timezone.now(),
        saved_fingerprint=local_driver().fingerprint(spec_of(clone)),
        **saved,
    )
    disk_measured(clone)


def saved_now(clone: Clone) -> dict[str, Any]:
    """Saves it, or finds that an earlier try did and only the end is missing."""
    if clone.saved_memory.exists():
        process_ended(clone, grace_s=0)
        return {"saved_bytes": clone.saved_memory.stat().st_size}
    saved = local_driver().save_whole_and_end(record_of(clone), clone.saved_memory)
    return {"saved_bytes": saved.size, "saved_ms": round(saved.took_ms, 1)}


def gone_on(clone: Clone, error: DriverError) -> None:
    """The row says what the machine does after all; the reconciler finds out if it does nothing."""
    paused = local_driver().status(record_of(clone)) is MachineStatus.PAUSED
    to = Status.PAUSED if paused else Status.RUNNING
    clone_moved(clone.pk, to=to, since=[Status.STOPPING], note=NOT_SAVED.format(error)[:300])


def clone_restored(clone_id: int) -> None:
    """Brings a clone in state STARTING to RUNNING from its saved memory, with ports and the right time."""
    clone = Clone.objects.select_related("revision__base").get(pk=clone_id)
    if clone.status != Status.STARTING:
        return
    with failures_told(clone_id, Status.STARTING):
        if clone.saved_at is not None:
            loaded(clone)
        start = time.perf_counter()
        local_driver().resume(record_of(clone))
        note = clock_set(clone)
    moved = clone_moved(
        clone_id,
        to=Status.RUNNING,
        since=[Status.STARTING],
        ready_ms=since_ms(start),
        ready_at=timezone.now(),
        note=note,
    )
    if not moved:
        raise ConflictError(f"{clone.name} was ended while it was starting")
    disk_measured(clone)


def loaded(clone: Clone) -> None:
    """Its process, still paused. Then the saved memory goes: what was restored once has moved on."""
    driver = local_driver()
    settled(clone)
    grounds_checked(clone)
    for record in driver.running(clone.folder.parent):
        if Path(record.folder) == clone.folder:
            driver.kill(record)  # an earlier try's: it never ran
    start = time.perf_counter()
    memory = Memory(None, shared=False, state=clone.saved_memory, paused=True)
    started = driver.start(replace(spec_of(clone), memory=memory))
    started_written(clone, started)
    Clone.objects.filter(pk=clone.pk).update(
        way=Clone.Way.SAVED,
        start_ms=since_ms(start),
        identity_ms=None,
        started_at=timezone.now(),
        saved_at=None,
        denied_attempts=0,
        denied={},
    )
    clone.saved_memory.unlink()


def clock_set(clone: Clone) -> str:
    """Sets the guest's clock, with fresh randomness where our agent is in it; what to say if that failed."""
    clone.refresh_from_db()
    try:
        with guest_of(clone) as guest:
            if isinstance(guest, AgentGuest):
                guest.refresh(os.urandom(ENTROPY_BYTES), timeout_s=CLOCK_S)
                return ""
            guest.wait_ready(timeout_s=CLOCK_S)
            done = guest.run(f"date -u -s @{timezone.now().timestamp():.0f}", timeout_s=CLOCK_S)
            return "" if done.exit_code == 0 else NO_CLOCK.format(done.stderr.decode(errors="replace"))[:300]
    except DriverError as error:
        return NO_CLOCK.format(error)[:300]
