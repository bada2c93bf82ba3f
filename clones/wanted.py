"""The machine someone asks for, judged and written down as a row. Called inside a verb's transaction.

Example::

    clone = clone_row(Wanted(base="demo", memory_mb=512), actor=actor)     # creating; nothing is made yet
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from audit.services import Actor
from bases.integrity import revision_checked
from bases.models import BaseImage, BaseRevision
from bases.services import base_open
from clones.lease_terms import lease_given
from clones.models import Clone
from clones.named import clone_named
from cowweb.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    NameTakenError,
    QuotaError,
    UnsupportedError,
)
from cowweb.live import ring
from cowweb.values import InvalidValue, generated_name, machine_name
from hosts.services import local_driver, local_host, room
from people import rights
from people.rights import team_chosen

Status = Clone.Status
FIRMWARE_MB = 16  # that any machine has beside its kernel


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
    memory_mb, cpus = checked_size(wanted, parent or base, revision)
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
    lease_given(clone, hours=wanted.lease_hours)
    ring("clones", "bases", in_passing=True)
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


def least_memory_mb(revision: BaseRevision) -> int:
    """With less, QEMU cannot lay its kernel and initrd out, or its firmware does not begin."""
    laid_out = [path for path in (revision.kernel, revision.initrd) if path and path.exists()]
    return FIRMWARE_MB + -(-sum(path.stat().st_size for path in laid_out) // (1 << 20))


def checked_size(wanted: Wanted, base: BaseImage | Clone, revision: BaseRevision) -> tuple[int, int]:
    """Memory and cpus, within what the host gives, and no less memory than can begin at all."""
    memory_mb, cpus = wanted.memory_mb or base.memory_mb, wanted.cpus or base.cpus
    least_mb, most = least_memory_mb(revision), room()
    if memory_mb < least_mb:
        raise DomainError(
            f"memory={memory_mb}M is too little: a clone of {revision.base.name} takes at least {least_mb}M",
            field="memory",
        )
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
