"""Finding what `name`, `name@revision` and `name@alias` mean.

Example::

    base, revision = base_open("demo@next", actor)    # what a clone would stand on
    revision_named("demo@2")                          # any revision, whatever its stage
"""

from audit.services import Actor
from bases.integrity import revision_checked
from bases.models import BaseImage, BaseRevision, Stage
from cowweb.errors import ConflictError, DomainError, NotFoundError

STABLE = "stable"


def base_named(name: str) -> BaseImage:
    """The base, or the contract's sentence."""
    try:
        return BaseImage.objects.select_related("current").get(name=name)
    except BaseImage.DoesNotExist:
        whole = name.partition("@")[0]
        if whole != name and BaseImage.objects.filter(name=whole).exists():
            words = f"This is about a base with all its revisions: write base={whole}, not base={name}"
            raise DomainError(words, field="base") from None
        raise NotFoundError(f"Base image {name} not found", field="base") from None


def base_seen(name: str, actor: Actor) -> BaseImage:
    """The base that the actor may see."""
    base = BaseImage.objects.visible_to(actor.user).select_related("current").filter(name=name).first()
    if base is None:
        raise NotFoundError(f"Base image {name} not found", field="base")
    return base


def base_ready(reference: str) -> tuple[BaseImage, BaseRevision]:
    """The base and revision that a reference names, if clones can be made of it."""
    return ready_of(base_named(reference.partition("@")[0]), reference)


def ready_of(base: BaseImage, reference: str) -> tuple[BaseImage, BaseRevision]:
    """The base and the revision of it that clones are made of."""
    name, at, which = reference.partition("@")
    revision = revision_of(base, which) if at else base.current
    usable = base.status in (BaseImage.Status.READY, BaseImage.Status.DEPRECATED)
    if revision is None or not (usable or at):
        raise ConflictError(f"Base image {name} is {base.shown_status[1].lower()}, not ready", field="base")
    if not revision.is_cloned:
        raise ConflictError(
            f"{revision} is {revision.stage}, not approved; it starts no clones", field="base"
        )
    revision_checked(revision)
    revision.base = base
    return base, revision


def base_open(reference: str, actor: Actor) -> tuple[BaseImage, BaseRevision]:
    """The same for someone: a base that they may not see is not found."""
    return ready_of(base_seen(reference.partition("@")[0], actor), reference)


def revision_of(base: BaseImage, which: str) -> BaseRevision:
    """The revision of this number or alias."""
    if which.isdecimal() and which.isascii():
        found = base.revisions.filter(number=which).first()
        if found is None:
            raise NotFoundError(f"Base image {base.name} has no revision {which}", field="base")
        return found
    if which == STABLE and base.current:
        return base.current
    found = base.revisions.filter(aliases__name=which).first()
    if found is None:
        raise NotFoundError(f"Base image {base.name} has no alias {which}", field="base")
    return found


def revision_named(reference: str) -> BaseRevision:
    """Any revision, for its curators; a bare name means the current one, or the only ones there are."""
    name, at, which = reference.partition("@")
    base = base_named(name)
    revision = revision_of(base, which) if at else base.current or base.revisions.last()
    if revision is None:
        raise NotFoundError(f"Base image {name} has no revision yet", field="base")
    return revision


def warning_of(revision: BaseRevision) -> str:
    """What whoever clones a deprecated revision is told; empty for others."""
    if revision.stage != Stage.DEPRECATED:
        return ""
    instead = f"; use {revision.successor} instead" if revision.successor else ""
    return f"{revision} is deprecated{instead}"
