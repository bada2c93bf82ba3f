"""The one door through which a revision moves from stage to stage; each move says who, when and why.

Example::

    revision_approve(revision=revision, why="boots, patched", actor=actor)
    revision_retire(revision=revision, why="", actor=actor)   # ConflictError naming who depends on it
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.services import SYSTEM, Actor, operation
from bases.aliases import released
from bases.dependents import dependents, listed, templates
from bases.models import RETIRED, BaseImage, BaseRevision, RevisionMove, Stage
from bases.references import base_open
from bases.rights import curators_only
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.live import ring

Status = BaseImage.Status
# What a base is when the revision that its bare name means is at this stage
STATUS_BY_STAGE = {
    Stage.APPROVED: Status.READY,
    Stage.DEPRECATED: Status.DEPRECATED,
    Stage.RETIRED: Status.FAILED,
}
WHY_LENGTH = 500


def revision_moved(
    revision: BaseRevision, to: Stage, *, actor: Actor, why: str = "", **changes: object
) -> BaseRevision:
    """Moves it where that is allowed, in the caller's transaction, and writes down who and why."""
    before = revision.stage
    since = [old for old, moves in BaseRevision.MOVES.items() if to in moves]
    rows = BaseRevision.objects.filter(pk=revision.pk, stage=before)
    if before not in since or not rows.update(stage=to, **changes):
        revision.refresh_from_db()
        raise ConflictError(f"{revision} is {revision.stage}; it cannot become {to}", field="base")
    written(revision, before=before, after=to, actor=actor, why=why)
    revision.refresh_from_db()
    settled(revision.base)
    ring("bases", f"base.{revision.base_id}")
    return revision


def written(revision: BaseRevision, *, before: str, after: str, actor: Actor, why: str) -> None:
    RevisionMove.objects.create(
        revision=revision,
        before=before,
        after=after,
        by=actor.user,
        by_name=actor.name,
        why=why[:WHY_LENGTH],
    )


def settled(base: BaseImage) -> None:
    """The base's status follows its current revision; one that has none yet waits for one."""
    base.refresh_from_db()
    of = base.current or (None if base.awaits_approval else base.newest)
    status = STATUS_BY_STAGE.get(Stage(of.stage)) if of else None
    if status is None or (base.current is None and status != Status.FAILED):
        return
    failure = f"{of}{RETIRED}" if status == Status.FAILED else ""
    BaseImage.objects.filter(pk=base.pk).update(status=status, failure=failure, updated_at=timezone.now())


def revision_begun(revision: BaseRevision, *, found: str, actor: Actor) -> BaseRevision:
    """A new revision's first steps, in the caller's transaction: a draft that the gate let through, and
    approved at once by the curator who registered it, unless the site wants a second one to look."""
    written(revision, before="", after=Stage.DRAFT, actor=actor, why=revision.origin)
    revision_moved(revision, Stage.INSPECTED, actor=SYSTEM, why=found)
    if not settings.COWWEB_FOUR_EYES:
        approved(revision, actor=actor, why="at registration")
    return revision


def approved(revision: BaseRevision, *, actor: Actor, why: str) -> None:
    """Approved, and under the name that its base gives to what is new."""
    was_new = revision.stage == Stage.INSPECTED
    revision_moved(revision, Stage.APPROVED, actor=actor, why=why, successor="")
    if was_new:
        released(revision, actor=actor)
    settled(revision.base)


def revision_approve(*, revision: BaseRevision, why: str = "", actor: Actor) -> BaseRevision:
    """Opens a revision for clones, or takes a deprecation back."""
    with operation(actor, "approve_base", target=f"base:{revision}", params={"why": why}) as op:
        curators_only(actor)
        before = {"stage": revision.stage}
        own = actor.user is not None and revision.created_by_id == actor.user.pk
        if settings.COWWEB_FOUR_EYES and own and revision.stage == Stage.INSPECTED:
            raise ForbiddenError(f"{revision} was registered by you: another curator approves it")
        with transaction.atomic():
            approved(revision, actor=actor, why=why)
        revision.refresh_from_db()
        op.changed(before, {"stage": revision.stage})
        return revision


def revision_deprecate(
    *, revision: BaseRevision, successor: str = "", why: str = "", actor: Actor
) -> BaseRevision:
    """Still cloned, with a warning that names what to use instead."""
    params = {"successor": successor, "why": why}
    with operation(actor, "deprecate_base", target=f"base:{revision}", params=params) as op:
        curators_only(actor)
        named = successor_checked(revision, successor, actor) if successor else newer_than(revision)
        op.changed({"stage": revision.stage}, {"stage": Stage.DEPRECATED})
        with transaction.atomic():
            return revision_moved(revision, Stage.DEPRECATED, actor=actor, why=why, successor=named)


def successor_checked(revision: BaseRevision, reference: str, actor: Actor) -> str:
    try:
        _, named = base_open(reference, actor)
    except NotFoundError as error:
        raise NotFoundError(f"successor={reference!r}: {error}", field="successor") from None
    if named.pk == revision.pk:
        raise DomainError(f"successor={reference!r} is {revision} itself: name another", field="successor")
    if named.stage != Stage.APPROVED:
        raise ConflictError(f"{named} is {named.stage}; a successor is approved", field="successor")
    return reference


def newer_than(revision: BaseRevision) -> str:
    """The newest approved revision after it, where there is one."""
    newer = revision.base.revisions.filter(number__gt=revision.number, stage=Stage.APPROVED).last()
    return str(newer or "")


def revision_retire(*, revision: BaseRevision, why: str = "", actor: Actor) -> BaseRevision:
    """Nobody clones it any more, its templates are retired too, and its file goes after a while. Refused
    while anything depends on it."""
    with operation(actor, "retire_base", target=f"base:{revision}", params={"why": why}):
        curators_only(actor)
        with transaction.atomic():
            standing = dependents(revision)
            if standing:
                many = f"{len(standing)} depend{'s' if len(standing) == 1 else ''} on {revision}"
                raise ConflictError(f"Refused: {many}: {listed(standing)}", field="base")
            return revision_moved(revision, Stage.RETIRED, actor=actor, why=why)


def revision_unretire(*, revision: BaseRevision, why: str = "", actor: Actor) -> BaseRevision:
    """Takes a retirement back for as long as the file is there: the revision is deprecated again."""
    with operation(actor, "unretire_base", target=f"base:{revision}", params={"why": why}):
        curators_only(actor)
        if revision.file_removed_at:
            raise ConflictError(f"The file of {revision} is gone; register the image again", field="base")
        with transaction.atomic():
            return revision_moved(revision, Stage.DEPRECATED, actor=actor, why=why)


def retired_cleared() -> int:
    """Removes the files of revisions that were retired long enough ago and that nothing else needs."""
    before = timezone.now() - timedelta(days=settings.COWWEB_RETIRED_DAYS)
    kept = BaseRevision.objects.filter(stage=Stage.RETIRED, file_removed_at=None)
    return sum(retired_file_removed(revision, before) for revision in kept.select_related("base__current"))


def retired_file_removed(revision: BaseRevision, before: datetime) -> bool:
    """Inside one transaction, so that no import takes the file up in between. The newest retirement counts:
    one that was taken back before does not shorten it."""
    retirement = revision.moves.filter(after=Stage.RETIRED).first()
    if retirement is None or retirement.at >= before:
        return False
    with transaction.atomic():
        if dependents(revision) or templates(revision):
            return False
        done = BaseRevision.objects.filter(pk=revision.pk, stage=Stage.RETIRED, file_removed_at=None)
        if not done.update(file_removed_at=timezone.now()):
            return False
        others = BaseRevision.objects.filter(file_removed_at=None).exclude(pk=revision.pk)
        if not others.filter(digest=revision.digest).exists():
            revision.disk.unlink(missing_ok=True)
    ring("bases", f"base.{revision.base_id}")
    return True
