"""What can be done with clones. A verb records the intent and returns at once; `clones.machines` acts.

Example::

    clone = clone_create(Wanted(base="demo"), actor=actor)   # creating; a job makes it
    clone_stop(clone=clone, actor=actor)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from audit.models import AuditEntry
from audit.services import Actor, operation
from bases.integrity import revision_checked
from bases.models import BaseImage, BaseRevision
from bases.services import base_open
from clones.admission import admitted
from clones.busy import busy_words
from clones.lease_terms import lease_begun
from clones.models import Clone
from cowweb.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    NameTakenError,
    NotFoundError,
    QuotaError,
    UnsupportedError,
)
from cowweb.live import ring
from cowweb.values import InvalidValue, egress_text, generated_name, machine_name
from hosts.jobs import enqueue
from hosts.models import Job
from hosts.services import local_driver, local_host, room
from people import rights
from people.rights import team_chosen

Status = Clone.Status

MAKE = "clones.tasks.clone_make_task"
START = "clones.tasks.clone_start_task"
STOP = "clones.tasks.clone_stop_task"
MEMORY_DROPPED = "It was started by a boot, so its saved memory was dropped."
REMOVE = "clones.tasks.clone_remove_task"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The machine someone asks for; what is left out is the base's."""

    base: str = ""
    name: str = ""
    memory_mb: int | None = None
    cpus: int | None = None
    ports: tuple[int, ...] = ()
    egress_ports: tuple[int, ...] | None = None  # None: everything but the host; (): nothing
    start: bool = True
    team: str = ""  # whom it is for; empty for the person's usual team, `none` for themselves
    way: str = ""  # cold, memory or spare: fails where that cannot be; empty for the quickest there is
    lease_hours: int | None = None  # None: as its team, base or the site has it
    parent: str = ""  # a clone instead of a base; with way="live" also its memory, as it runs


@dataclass(frozen=True, slots=True)
class Asked:
    """A clone and the job that is to do what was asked of it; None when there was nothing to do."""

    clone: Clone
    job: Job | None

    @property
    def skipped(self) -> bool:
        return self.job is None


def clone_named(name: str, actor: Actor) -> Clone:
    """The live clone of this name that the actor may see."""
    clone = Clone.objects.live().visible_to(actor.user).for_list().filter(name=name).first()
    if clone is None:
        raise NotFoundError(f"Clone {name} not found", field="name")
    return clone


def clone_last_named(name: str, actor: Actor) -> Clone | None:
    """The newest clone of this name that the actor may see, also a removed one: for pages that are open."""
    return Clone.objects.visible_to(actor.user).for_list().filter(name=name).order_by("-pk").first()


def clone_create(wanted: Wanted, *, actor: Actor) -> Asked:
    """Asks for a clone of a base."""
    return clones_create([wanted], actor=actor)[0]


def clones_create(wanteds: Sequence[Wanted], *, actor: Actor) -> list[Asked]:
    """Asks for clones of one base or clone: all of them, or none when one is refused."""
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
            asked = [Asked(clone, enqueue(MAKE, clone.pk, entry=op.entry)) for clone in clones]
        op.goes_on()
        return asked


def clone_row(wanted: Wanted, *, actor: Actor) -> Clone:
    """The row of a clone to be made. For a verb's own transaction: it writes no audit entry."""
    if wanted.way == Clone.Way.LIVE and not wanted.parent:
        raise DomainError("live=true branches a running clone: write from=<clone>", field="live")
    parent = parent_of(wanted, actor=actor) if wanted.parent else None
    base, revision = (parent.revision.base, parent.revision) if parent else base_open(wanted.base, actor)
    if actor.user is None:
        raise ForbiddenError("A clone needs an owner")
    team = team_chosen(actor, wanted.team)
    name = checked_name(wanted.name) if wanted.name else generated_name()
    memory_mb, cpus = checked_size(wanted, parent or base)
    egress_ports = wanted.egress_ports
    if parent and egress_ports is None:
        egress_ports = None if parent.egress_ports is None else tuple(parent.egress_ports)
    checked_egress(egress_ports)
    checked_room_for_another()
    try:
        with transaction.atomic():
            clone = Clone.objects.create(
                name=name,
                owner=actor.user,
                team=team,
                host=local_host(),
                revision=revision,
                memory_mb=memory_mb,
                cpus=cpus,
                ports=list(wanted.ports) or (parent.ports if parent else []),
                egress_ports=None if egress_ports is None else list(egress_ports),
                start_asked=wanted.start,
                way_asked=wanted.way,
                **(from_parent(parent, boots=wanted.way != Clone.Way.LIVE) if parent else {}),
            )
    except IntegrityError:
        raise NameTakenError(f"There is a clone {name} already", field="name") from None
    lease_begun(clone, hours=wanted.lease_hours)
    ring("clones", "bases")
    return clone


def parent_of(wanted: Wanted, *, actor: Actor) -> Clone:
    """The clone to make another of, if its disk can be stood on now."""
    parent = clone_named(wanted.parent, actor)
    rights.require(actor, rights.USE, parent)
    if parent.status not in (Status.STOPPED, Status.RUNNING, Status.PAUSED):
        raise ConflictError(
            f"{parent.name} is {parent.status}; a stopped or running clone can be cloned", field="from"
        )
    if wanted.way in (Clone.Way.MEMORY, Clone.Way.SPARE):
        raise ConflictError(f"A clone of {parent.name} boots from its disk: leave path out", field="path")
    if wanted.way == Clone.Way.LIVE:
        checked_live(wanted, parent)
    revision_checked(parent.revision)
    return parent


def checked_live(wanted: Wanted, parent: Clone) -> None:
    """A live branch is its parent's machine, running."""
    reason = why_not_live(parent)
    if reason:
        raise ConflictError(f"{parent.name} cannot be branched while it runs: {reason}", field="live")
    if not wanted.start:
        raise DomainError("A live branch runs from the beginning: leave no_start out", field="no_start")
    for field, value, has in (
        ("memory", wanted.memory_mb, parent.memory_mb),
        ("cpus", wanted.cpus, parent.cpus),
    ):
        if value not in (None, has):
            raise DomainError(f"A live branch has its parent's {field}, {has}: leave it out", field=field)


def why_not_live(parent: Clone) -> str:
    """Empty when a branch could go on from its memory, as far as can be told without asking its machine."""
    if parent.status != Status.RUNNING:
        return f"it is {parent.status}, not running"
    if not parent.has_agent and parent.template_id is None:
        return (
            "our agent is not in it, so a branch could not be given an identity of its own. "
            "A clone that came from a template has it"
        )
    return ""


def from_parent(parent: Clone, *, boots: bool) -> dict[str, Any]:
    """What a clone has from the clone it is made of."""
    return {
        "parent": parent,
        "has_agent": parent.has_agent or parent.template_id is not None,
        "way_reason": f"it is a clone of {parent.name}, and its memory is its own" if boots else "",
    }


def checked_name(name: str) -> str:
    try:
        return machine_name(name)
    except InvalidValue as error:
        raise DomainError(str(error), field="name") from None


def checked_size(wanted: Wanted, base: BaseImage | Clone) -> tuple[int, int]:
    """Memory and cpus, within what the host gives."""
    memory_mb, cpus = wanted.memory_mb or base.memory_mb, wanted.cpus or base.cpus
    most = room()
    if memory_mb > most.memory_mb:
        raise QuotaError(
            f"memory={memory_mb}M is more than the {most.limited_by}'s limit of {most.memory_mb}M",
            field="memory",
        )
    if cpus > most.cpus:
        raise QuotaError(
            f"cpus={cpus} is more than the {most.limited_by}'s limit of {most.cpus}", field="cpus"
        )
    return memory_mb, cpus


def checked_egress(ports: Sequence[int] | None) -> None:
    """Refuses what this host cannot hold a guest to, in words that say what is missing."""
    held = local_driver().egress()
    if held.holds or ports == ():
        return
    wish = "keep a guest from its loopback" if ports is None else "hold a guest to a list of ports"
    raise UnsupportedError(
        f"This host cannot {wish}: {held.reason}. It can cut a guest off: egress_ports=none",
        field="egress_ports",
    )


def checked_room_for_another() -> None:
    if Clone.objects.live().count() >= settings.COWWEB_MAX_CLONES:
        raise QuotaError(
            f"The site keeps at most {settings.COWWEB_MAX_CLONES} clones: remove one first", code="quota"
        )


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
            raise ConflictError(f"{clone.name} is {clone.status}; that is not possible now", field="name")
        if to == Status.STARTING:
            admitted([clone], new=False)
        job = enqueue(task, clone.pk, entry=entry)
    clone.refresh_from_db()
    return Asked(clone, job)


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
