"""Names that lead to revisions: `stable`, which the bare name means, and any others; moved and rolled back.

Example::

    alias_move(base=base, name="next", revision=revision, actor=actor)
    alias_roll_back(base=base, name="stable", actor=actor)      # as it was before its newest move
"""

from django.db import transaction
from django.utils import timezone

from audit.services import Actor, Operation, operation
from bases.models import AliasMove, BaseAlias, BaseImage, BaseRevision, Stage
from bases.references import STABLE, revision_of
from bases.rights import curators_only
from cowweb.errors import ConflictError, DomainError, NotFoundError
from cowweb.live import ring
from cowweb.values import InvalidValue, alias_name

STATUS_BY_STAGE = {Stage.APPROVED: BaseImage.Status.READY, Stage.DEPRECATED: BaseImage.Status.DEPRECATED}


def alias_move(
    *, base: BaseImage, name: str, revision: BaseRevision, why: str = "", actor: Actor
) -> AliasMove:
    """Leads an alias, a new one too, to a revision. `stable` is what the bare name means."""
    params = {"alias": name, "to": revision.number, "why": why}
    with operation(actor, "alias_base", target=f"base:{base.name}", params=params) as op:
        curators_only(actor)
        try:
            alias_name(name)
        except InvalidValue as error:
            raise DomainError(str(error), field="alias") from None
        with transaction.atomic():
            return told(op, moved(base, name, revision, actor=actor, why=why))


def told(op: Operation, move: AliasMove) -> AliasMove:
    """What it changed, for the record."""
    ends = [str(each) if each else None for each in (move.before, move.after)]
    op.changed({f"@{move.name}": ends[0]}, {f"@{move.name}": ends[1]})
    return move


def moved(
    base: BaseImage,
    name: str,
    revision: BaseRevision | None,
    *,
    actor: Actor,
    why: str = "",
    is_rollback: bool = False,
) -> AliasMove:
    """In the caller's transaction. None takes the alias away."""
    before = led_to(base, name)
    if before == revision:
        raise ConflictError(f"{base.name}@{name} leads to {revision or 'nothing'} already", field="to")
    if revision and not (revision.base_id == base.pk and revision.is_cloned):
        raise ConflictError(f"{revision} is {revision.stage}; an alias leads to an approved one", field="to")
    lead(base, name, revision)
    ring("bases", f"base.{base.pk}")
    return AliasMove.objects.create(
        base=base,
        name=name,
        before=before,
        after=revision,
        is_rollback=is_rollback,
        by=actor.user,
        by_name=actor.name,
        why=why[:500],
    )


def led_to(base: BaseImage, name: str) -> BaseRevision | None:
    base.refresh_from_db()
    if name == STABLE:
        return base.current
    return base.revisions.filter(aliases__name=name).first()


def lead(base: BaseImage, name: str, revision: BaseRevision | None) -> None:
    if name != STABLE:
        if revision:
            BaseAlias.objects.update_or_create(base=base, name=name, defaults={"revision": revision})
        else:
            BaseAlias.objects.filter(base=base, name=name).delete()
        return
    if revision is None:
        raise ConflictError(f"{base.name} always has a stable revision: move it instead", field="alias")
    status = STATUS_BY_STAGE[Stage(revision.stage)]
    BaseImage.objects.filter(pk=base.pk).update(
        current=revision, status=status, failure="", updated_at=timezone.now()
    )
    base.refresh_from_db()


def released(revision: BaseRevision, *, actor: Actor) -> None:
    """What a new approved revision is called, in the caller's transaction: the first one is stable."""
    base = revision.base
    to_next = base.releases == BaseImage.Releases.NEXT and has_stable(base)
    name = BaseImage.Releases.NEXT if to_next else STABLE
    if led_to(base, name) != revision:
        moved(base, name, revision, actor=actor, why="approved")


def has_stable(base: BaseImage) -> bool:
    return base.current is not None and base.current.is_cloned


def alias_remove(*, base: BaseImage, name: str, actor: Actor) -> AliasMove:
    params = {"alias": name, "remove": "true"}
    with operation(actor, "alias_base", target=f"base:{base.name}", params=params) as op:
        curators_only(actor)
        if name != STABLE:
            revision_of(base, name)
        with transaction.atomic():
            return told(op, moved(base, name, None, actor=actor))


def alias_roll_back(*, base: BaseImage, name: str = STABLE, why: str = "", actor: Actor) -> AliasMove:
    """Where it led before its newest move; again, and it is where it led before that."""
    params = {"alias": name, "why": why}
    with operation(actor, "rollback_base", target=f"base:{base.name}", params=params) as op:
        curators_only(actor)
        with transaction.atomic():
            last = undoable(base, name)
            if last is None:
                raise NotFoundError(
                    f"{base.name}@{name} was never moved from another revision", field="alias"
                )
            done = moved(base, name, last.before, actor=actor, why=why, is_rollback=True)
            AliasMove.objects.filter(pk=last.pk).update(undone=True)
            return told(op, done)


def undoable(base: BaseImage, name: str) -> AliasMove | None:
    """The move that rolling back would undo."""
    moves = AliasMove.objects.filter(base=base, name=name, is_rollback=False, undone=False)
    last = moves.select_related("before__base").first()
    return last if last and last.before else None
