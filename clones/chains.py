"""What can be done with a clone's chain: flatten it, publish it, move it to a newer revision.

Example::

    clone_flatten(clone=clone, actor=actor)                        # a task; see clone.disk_tasks
    for one in rebase_rehearsed(base, to=None, actor=actor): ...   # who can move, who cannot and why
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from audit.models import AuditEntry
from audit.services import Actor, operation
from bases.integrity import revision_checked
from bases.models import BaseImage, BaseRevision, Stage
from bases.services import curators_only
from clones.busy import RESHAPE, busy_taken, busy_words
from clones.models import Clone, DiskTask
from clones.services import Asked
from clones.wanted import checked_name
from cowweb.errors import ConflictError, NameTakenError, NotFoundError
from cowweb.live import ring
from hosts.jobs import enqueue
from hosts.models import Job
from people import rights

Kind = DiskTask.Kind
Status = Clone.Status
STOPPED = [Status.STOPPED]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rebase would do with one clone: `refusal` is empty where it can be done."""

    clone: Clone
    to: BaseRevision | None
    refusal: str
    note: str = ""


def clone_flatten(*, clone: Clone, actor: Actor) -> Asked:
    """Has the clone's disk stand directly on its base revision again, also while it runs."""
    with operation(actor, "flatten", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.USE, clone)
        if clone.depth == 1:
            raise ConflictError(
                f"{clone.name} stands on {clone.revision} directly; there is nothing to flatten"
            )
        revision_checked(clone.revision)
        since = [Status.STOPPED, Status.RUNNING, Status.PAUSED]
        if clone.record and clone.snapshots.filter(layer__isnull=True).exists():
            raise ConflictError(f"{clone.name} has snapshots inside its disk; stop it to flatten it")
        done = begun(clone, Kind.FLATTEN, actor, entry=op.entry, since=since)
        op.goes_on()
        return done


def clone_promote(*, clone: Clone, name: str, actor: Actor) -> Asked:
    """Publishes a stopped clone: as a new base, or under its own base's name as that one's next revision."""
    with operation(actor, "promote", target=f"clone:{clone.name}", params={"as": name}) as op:
        rights.require(actor, rights.USE, clone)
        curators_only(actor)
        checked_name(name)
        own = clone.revision.base
        if clone.saved_at:
            raise ConflictError(f"{clone.name} has saved memory: start it and shut it down first")
        other = BaseImage.objects.filter(name=name).exclude(pk=own.pk).exclude(status=BaseImage.Status.FAILED)
        if other.exists():
            raise NameTakenError(
                f"There is a base image {name} already; {clone.name} can become a revision of {own.name}",
                field="as",
            )
        done = begun(clone, Kind.PROMOTE, actor, entry=op.entry, since=STOPPED, target_name=name)
        op.goes_on()
        return done


def clone_rebase(*, clone: Clone, to: int | None, actor: Actor) -> Asked:
    """Moves a stopped clone to another revision of its base. What its guest sees does not change."""
    with operation(actor, "rebase", target=f"clone:{clone.name}", params={"to": to}) as op:
        rights.require(actor, rights.USE, clone)
        one = rehearsed(clone, revision_wanted(clone.revision.base, to), actor)
        if one.refusal:
            raise ConflictError(f"{clone.name}: {one.refusal}")
        done = begun(clone, Kind.REBASE, actor, entry=op.entry, since=STOPPED, target=one.to)
        op.goes_on()
        return done


def base_rebase(*, base: BaseImage, to: int | None, actor: Actor) -> list[tuple[Rehearsed, Asked | None]]:
    """Moves every clone of the base that can be moved, of those the actor may use."""
    with operation(actor, "rebase", target=f"base:{base.name}", params={"to": to}):
        found = rebase_rehearsed(base, to=to, actor=actor)
        done: list[tuple[Rehearsed, Asked | None]] = []
        for one in found:
            asked = None
            if not one.refusal:
                asked = begun(one.clone, Kind.REBASE, actor, entry=None, since=STOPPED, target=one.to)
            done.append((one, asked))
        return done


def rebase_rehearsed(base: BaseImage, *, to: int | None, actor: Actor) -> list[Rehearsed]:
    """Every clone of the base that the actor may use and that is not on the revision yet."""
    target = revision_wanted(base, to)
    clones = Clone.objects.live().open_to(actor.user, rights.USE).for_list().filter(revision__base=base)
    found = list(clones.exclude(revision=target).order_by("name"))
    closed = stage_refusal(target, actor)
    return [moved_to(clone, target, children, closed) for clone, children in with_children(found)]


def with_children(clones: Sequence[Clone]) -> list[tuple[Clone, int]]:
    """Each with how many live clones were made of it."""
    living = Clone.objects.live().filter(parent__in=clones).values_list("parent").annotate(Count("pk"))
    counts = dict(living)
    return [(clone, counts.get(clone.pk, 0)) for clone in clones]


def revision_wanted(base: BaseImage, number: int | None) -> BaseRevision:
    """The revision of this number, or the current one."""
    which = {"current_of": base} if number is None else {"number": number}
    found = base.revisions.filter(**which).first()
    if found is None:
        raise NotFoundError(f"Base image {base.name} has no revision {number or ''}".strip(), field="to")
    return found


def rehearsed(clone: Clone, to: BaseRevision, actor: Actor) -> Rehearsed:
    return moved_to(clone, to, clone.children.live().count(), stage_refusal(to, actor))


def stage_refusal(to: BaseRevision, actor: Actor) -> str:
    """Why nobody, or not this person, may stand on the revision; empty where they may."""
    if to.stage == Stage.APPROVED or (to.stage == Stage.DEPRECATED and actor.is_curator):
        return ""
    if to.stage == Stage.DEPRECATED:
        instead = f": use {to.successor}" if to.successor else ""
        return f"{to} is deprecated{instead}; a curator may move there"
    return f"{to} is {'a draft' if to.stage == Stage.DRAFT else to.stage}, not approved"


def moved_to(clone: Clone, to: BaseRevision, children: int, closed: str) -> Rehearsed:
    note = f"clones made of it that stay on {clone.revision}: {children}" if children else ""
    return Rehearsed(clone, to, refusal(clone, to) or closed, note)


def refusal(clone: Clone, to: BaseRevision) -> str:
    """Why a clone cannot be moved there; empty when it can."""
    here = clone.revision
    if to.number <= here.number:
        return f"it stands on {here}; there is no newer revision to go to"
    if clone.status != Status.STOPPED:
        return f"it is {clone.status}; stop it first"
    if clone.busy:
        return busy_words(clone)
    return unfit(here, to)


def unfit(here: BaseRevision, to: BaseRevision) -> str:
    """Why no disk that stands on the one revision can stand on the other; empty when it can."""
    if not to.intact or not here.intact:
        return f"{here if to.intact else to} no longer matches its digest"
    if (here.boot_kind, here.seed) != (to.boot_kind, to.seed):
        return f"{to} boots in another way"
    if here.kernel_digest != to.kernel_digest:
        return f"{to} brings another kernel, whose modules are not on its disk"
    return ""


def task_cancel(*, clone: Clone, actor: Actor) -> DiskTask:
    """Asks the open task of a clone's disk to end; the clone stays as it was before."""
    with operation(actor, "cancel_task", target=f"clone:{clone.name}"):
        rights.require(actor, rights.USE, clone)
        task = clone.disk_tasks.filter(state__in=DiskTask.OPEN).first()
        if task is None:
            raise ConflictError(f"Nothing is being done to the disk of {clone.name}")
        DiskTask.objects.filter(pk=task.pk).update(cancel_asked_at=timezone.now(), note="Being cancelled")
        ring(f"clone.{clone.pk}")
        return task


def begun(
    clone: Clone,
    kind: str,
    actor: Actor,
    *,
    entry: AuditEntry | None,
    since: list[Status],
    target: BaseRevision | None = None,
    target_name: str = "",
) -> Asked:
    """The task, the mark on the clone and the job, together or not at all."""
    with transaction.atomic():
        open_task = clone.disk_tasks.filter(state__in=DiskTask.OPEN).first()
        if open_task:
            raise ConflictError(f"{clone.name}: {open_task.get_kind_display().lower()} is under way already")
        task = DiskTask.objects.create(
            clone=clone, kind=kind, target=target, target_name=target_name, asked_by=actor.user
        )
        if not busy_taken(clone.pk, f"task:{task.pk}", since=since):
            clone.refresh_from_db()
            raise ConflictError(
                f"{clone.name} is {clone.status}, {busy_words(clone)}"
                if clone.busy
                else f"{clone.name} is {clone.status}; it must be {' or '.join(since)}",
                field="name",
            )
        job: Job = enqueue(RESHAPE, task.pk, entry=entry)
        DiskTask.objects.filter(pk=task.pk).update(job=job)
        ring("clones", f"clone.{clone.pk}")
    clone.refresh_from_db()
    return Asked(clone, job)
