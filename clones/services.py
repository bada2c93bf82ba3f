"""What can be done with clones. A verb records the intent and returns at once; `clones.machines` acts.

Example::

    clone = clone_create(Wanted(base="demo"), actor=actor)   # creating; a job makes it
    clone_stop(clone=clone, actor=actor)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.models import AuditEntry
from audit.services import Actor, operation
from bases.models import BaseRevision
from clones.admission import admitted
from clones.busy import busy_words
from clones.models import Clone
from clones.wanted import Wanted, clone_row
from cowweb.errors import (
    ConflictError,
)
from cowweb.live import ring
from cowweb.values import egress_text
from cowweb.wording import either
from hosts.jobs import enqueue
from hosts.models import Job
from people import rights

Status = Clone.Status

MAKE = "clones.tasks.clone_make_task"
START = "clones.tasks.clone_start_task"
STOP = "clones.tasks.clone_stop_task"
MEMORY_DROPPED = "It was started by a boot, so its saved memory was dropped."
REMOVE = "clones.tasks.clone_remove_task"
CAN_BE = {
    "start": "started",
    "start_if_stopped": "started",
    "restart": "restarted",
    "stop": "stopped",
    "stop_if_running": "stopped",
    "save_state": "saved",
    "restore_state": "restored",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A clone and the job that is to do what was asked of it; None when there was nothing to do."""

    clone: Clone
    job: Job | None

    @property
    def skipped(self) -> bool:
        return self.job is None


def clone_create(wanted: Wanted, *, actor: Actor) -> Asked:
    """Asks for a clone of a base."""
    return clones_create([wanted], actor=actor)[0]


def clones_create(wanteds: Sequence[Wanted], *, actor: Actor, at_once: bool = False) -> list[Asked]:
    """Asks for clones of one base or clone: all of them, or none when one is refused.
    `at_once`: for who does not wait for them here, and looks at a page."""
    first = wanteds[0]
    params = {
        "name": first.name,
        "memory_mb": first.memory_mb,
        "cpus": first.cpus,
        "ports": first.ports,
        "egress_ports": egress_text(first.egress_ports),
        "count": len(wanteds) if len(wanteds) > 1 else None,
        "live": first.way == Clone.Way.LIVE or None,
    }
    target = f"clone:{first.parent}" if first.parent else f"base:{first.base}"
    with operation(actor, "clone", target=target, params=params) as op:
        with transaction.atomic():
            clones = [clone_row(wanted, actor=actor) for wanted in wanteds]
            admitted(clones)
            asked = [
                Asked(clone, enqueue(MAKE, clone.pk, entry=op.entry, at_once=at_once)) for clone in clones
            ]
        op.goes_on()
        return asked


def clone_moved(clone_id: int, *, to: str, since: Sequence[str] | None = None, **fields: Any) -> bool:
    """The one door for a clone's status: moves it where the old state still allows it, and rings."""
    with transaction.atomic():
        moved = moved_untold(clone_id, to=to, since=since, **fields)
        if moved:
            ring("clones", f"clone.{clone_id}")
    return moved


def moved_untold(
    clone_id: int, *, to: str, since: Sequence[str] | None = None, free_only: bool = False, **fields: Any
) -> bool:
    """The same for a state that is over before a page could draw it.
    `free_only`: only where nobody works on its disk."""
    allowed = since if since is not None else [old for old, moves in Clone.MOVES.items() if to in moves]
    found = Clone.objects.filter(pk=clone_id, status__in=allowed)
    moved = (found.filter(busy="") if free_only else found).update(
        status=to, changed_at=timezone.now(), **fields
    )
    return bool(moved)


def asked(
    clone: Clone, *, to: str, task: str, entry: AuditEntry, since: Sequence[str], **fields: object
) -> Asked:
    """Moves the clone on and enqueues who does it; refused when its state does not allow it."""
    with transaction.atomic():
        fresh = {"failure": "", "failure_detail": "", "note": ""}
        if not clone_moved(clone.pk, to=to, since=since, free_only=True, **{**fresh, **fields}):
            clone.refresh_from_db()
            if clone.busy and clone.status in since:
                raise ConflictError(f"{clone.name}: {busy_words(clone)}; wait for it or cancel it")
            raise ConflictError(why_not(clone, entry.action, since), field="name")
        if to == Status.STARTING:
            admitted([clone], new=False)
        job = enqueue(task, clone.pk, entry=entry)
    clone.refresh_from_db()
    return Asked(clone, job)


def why_not(clone: Clone, action: str, since: Sequence[str]) -> str:
    done = CAN_BE.get(action)
    if done is None:
        return f"{clone.name} is {clone.status}; that is not possible now"
    hint = ". Resume it" if clone.status == Status.PAUSED else ""
    return f"{clone.name} is {clone.status}; only a {either(since)} clone can be {done}{hint}"


def clone_start(*, clone: Clone, actor: Actor, if_stopped: bool = False) -> Asked:
    """Boots a stopped clone on its own disk. Memory that was saved of it is dropped, which its page says."""
    with operation(actor, "start_if_stopped" if if_stopped else "start", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.USE, clone)
        if if_stopped and clone.status in (Status.RUNNING, Status.STARTING, Status.PAUSED):
            return Asked(clone, None)
        since = [Status.STOPPED, Status.FAILED]
        fields = {"start_asked": True, "saved_at": None, "note": MEMORY_DROPPED if clone.saved_at else ""}
        done = asked(clone, to=Status.STARTING, task=START, entry=op.entry, since=since, **fields)
        op.goes_on()
        return done


def clone_stop(*, clone: Clone, actor: Actor, if_running: bool = False) -> Asked:
    """Asks the guest to power off; uses force when it does not within the grace."""
    with operation(actor, "stop_if_running" if if_running else "stop", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.USE, clone)
        if if_running and clone.status in (Status.STOPPED, Status.CREATING, Status.FAILED):
            return Asked(clone, None)
        since = [Status.RUNNING, Status.PAUSED, Status.STARTING]
        done = asked(clone, to=Status.STOPPING, task=STOP, entry=op.entry, since=since, start_asked=False)
        op.goes_on()
        return done


def clone_restart(*, clone: Clone, actor: Actor) -> Asked:
    """Stops and starts again."""
    with operation(actor, "restart", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.USE, clone)
        since = [Status.RUNNING, Status.PAUSED]
        done = asked(clone, to=Status.STOPPING, task=STOP, entry=op.entry, since=since, start_asked=True)
        op.goes_on()
        return done


def clone_remove(*, clone: Clone, actor: Actor) -> Asked:
    """Ends the machine and deletes its disk. What others stand on is kept, also what it was made of."""
    with operation(actor, "remove", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.OWN, clone)
        since = [s for s, moves in Clone.MOVES.items() if Status.REMOVING in moves]
        done = asked(clone, to=Status.REMOVING, task=REMOVE, entry=op.entry, since=since)
        op.goes_on()
        return done


def revision_in_use(revision: BaseRevision) -> bool:
    return revision.clones.exclude(status=Status.REMOVED).exists() or revision.layers.exists()


def clone_count_start(clone_id: int) -> None:
    Clone.objects.filter(pk=clone_id).update(starts=F("starts") + 1)
