"""Clones and bases against what is there of them: disks, control sockets, forwards, images.

Example::

    [noted.found for noted in clones_compared()]     # ["its disk web.qcow2 is gone", …]
"""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from bases.integrity import looks_changed, revision_verified
from bases.models import BaseRevision
from bases.store import identity_of
from clones.grounds import altered_noted, grounds_of
from clones.models import Clone
from clones.services import clone_moved
from clones.specs import record_of
from cowweb.live import ring
from hosts.drivers.errors import Altered, DriverError
from hosts.drivers.records import PortForward
from hosts.findings import Kind, Noted, repaired
from hosts.models import Finding
from hosts.services import local_driver

Status = Clone.Status
RUN = [Status.RUNNING, Status.PAUSED]
SSH = 22
WHERE_DISKS_ARE = (
    *("uuid", "name", "status", "busy", "revision__digest", "template__uuid"),
    *("layer__uuid", "layer__parent", "layer__template", "layer__revision"),
)
LOST = "Its disk cannot be used: {found}. Put the file back and start it, or remove the clone."
RUNS_ON = "Nothing: it runs on with what it holds open, and cannot be started again once it ends."


def disks_compared() -> Iterator[Noted]:
    """Clones that should have a disk and have none that can be read, or one that names something else."""
    for clone in with_disks():
        target = f"clone:{clone.name}"
        if found := disk_problem(clone):
            yield Noted(Kind.CLONE, target, found, disk_lost(clone, found), evidence={"clone": clone.pk})
        elif error := alteration(clone):
            yield altered_noted(clone, error)


def with_disks() -> QuerySet[Clone]:
    """With what says where their disks are and what these stand on, of rows that have far more. Of one that
    could not be made there never was a disk; one that lost it is looked at until it is back."""
    subject = Concat(Value("clone:"), OuterRef("name"))
    lost = Exists(Finding.objects.open().filter(kind=Kind.CLONE, subject=subject))
    should = Q(status__in=[*RUN, Status.STOPPED]) | Q(lost, status=Status.FAILED)
    joined = Clone.objects.filter(should, busy="").select_related("revision", "layer", "template")
    return joined.only(*WHERE_DISKS_ARE).order_by("-pk")


def disk_problem(clone: Clone) -> str:
    """Empty where its disk is there and is one."""
    try:
        local_driver().disk_usage(clone.disk)
    except DriverError as error:
        return str(error)
    except OSError as error:
        return f"{clone.disk.name} cannot be read: {error.strerror}"
    return ""


def alteration(clone: Clone) -> DriverError | None:
    """What its disk's headers say that its rows do not; nothing of one whose disk was moved meanwhile."""
    try:
        local_driver().disk_stands_on(clone.disk, grounds_of(clone))
    except Altered as error:
        now = Clone.objects.get(pk=clone.pk)
        same = (now.busy, now.layer_id, now.revision_id) == ("", clone.layer_id, clone.revision_id)
        return error if same else None
    except DriverError:
        return None  # a file below is gone or no image: that is told of the base, or at its start
    return None


def disk_lost(clone: Clone, found: str) -> str:
    """A stopped clone without its disk is not called stopped any more; what was done, in words."""
    if clone.status in RUN:
        return RUNS_ON
    if clone.status == Status.STOPPED:
        clone_moved(clone.pk, to=Status.FAILED, since=[Status.STOPPED], failure=LOST.format(found=found))
    return "The clone is said to have failed."


def sockets_compared() -> Iterator[Noted]:
    """Machines that run and do not answer; of those that do, the forwards are made to agree."""
    for clone in Clone.objects.filter(status__in=RUN, busy="").exclude(record=None):
        record = record_of(clone)
        try:
            forwards_agreed(clone, local_driver().forwards(record))
        except DriverError as error:
            if local_driver().alive(record):  # otherwise it has just ended, which is seen elsewhere
                found = f"its machine runs and does not answer: {error}"
                yield Noted(
                    Kind.SOCKET, f"clone:{clone.name}", found, "Nothing.", evidence={"pid": record.pid}
                )


def forwards_agreed(clone: Clone, forwards: tuple[PortForward, ...]) -> None:
    """Forwards that the machine lost are made again; the row then says what the machine says."""
    has = {forward.guest_port for forward in forwards}
    missing = [port for port in (SSH, *clone.ports) if port not in has]
    if missing:
        forwards = local_driver().forward(record_of(clone), missing)
    listed = [[forward.guest_port, forward.host_port] for forward in forwards]
    if sorted(listed) == sorted(clone.forwards):
        return
    with transaction.atomic():
        still = Clone.objects.filter(pk=clone.pk, forwards=clone.forwards, status__in=RUN)
        if not still.update(forwards=listed):
            return  # someone forwards a port of it right now
        ring("clones", f"clone.{clone.pk}")
    found = f"its row said {told(clone.forwards)}, its machine {told(listed)}"
    done = f"Forwarded again: {', '.join(map(str, missing))}." if missing else "The row was put right."
    repaired(Kind.PORTS, f"clone:{clone.name}", found, done)


def told(forwards: list[list[int]]) -> str:
    return ", ".join(f"{guest} at {host}" for guest, host in sorted(forwards)) or "no port"


def bases_compared() -> Iterator[Noted]:
    """Revisions whose files are not what was admitted. They start no clones until they are again."""
    stands = Count("clones", filter=~Q(clones__status=Status.REMOVED))
    known = dict(Finding.objects.open().filter(kind=Kind.BASE).values_list("subject", "evidence"))
    for revision in BaseRevision.objects.select_related("base").annotate(stands=stands):
        target, now = f"base:{revision}", identity_now(revision)
        # what was read already and did not match is not read again at each look
        if looks_changed(revision) and not (now and known.get(target, {}).get("identity") == now):
            revision_verified(revision)
        if not revision.intact:
            yield Noted(
                Kind.BASE,
                target,
                "its image is gone" if not now else "its files do not match their digests any more",
                f"It starts no clones until its files are back. {standing(revision.stands)} on it.",
                Finding.State.QUARANTINED,
                {"identity": now},
            )


def identity_now(revision: BaseRevision) -> str:
    try:
        return identity_of(revision.disk)
    except OSError:
        return ""


def standing(count: int) -> str:
    return f"{count} clone{'s' if count != 1 else ''} stand{'s' if count == 1 else ''}"
