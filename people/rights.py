"""What a person may do with an object: see it, use it, own it. Every service asks here.

An object belongs to a person and perhaps to a team, and may be shared beyond both. Its QuerySet has
`open_to(user, level)`, built of `held` and `given`; `require` asks it about one object.

Example::

    Clone.objects.open_to(user, SEE)           # those the user may look at
    rights.require(actor, rights.USE, clone)   # ForbiddenError, or nothing
"""

from typing import Any, Protocol

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q, QuerySet

from audit.services import Actor
from cowweb.errors import ForbiddenError, NotFoundError
from cowweb.roles import administers, sees_everything
from people.models import Membership, Team


class Level(models.IntegerChoices):
    """Each includes those before it."""

    SEE = 1, "See"
    USE = 2, "Use"
    OWN = 3, "Own"


SEE, USE, OWN = Level.SEE, Level.USE, Level.OWN
Role = Membership.Role
# The places in a team that give a level on what the team has.
PLACES: dict[Level, list[str]] = {
    SEE: [Role.VIEWER, Role.MEMBER, Role.OWNER],
    USE: [Role.MEMBER, Role.OWNER],
    OWN: [Role.OWNER],
}
DOES = {SEE: "look at", USE: "use", OWN: "change who has"}


class Guarded(Protocol):
    """An object whose manager has `open_to`."""

    pk: Any


def everywhere(user: User | None, level: Level) -> bool:
    """Whether the person's role on the site gives this level on every object."""
    return administers(user) or (level == SEE and sees_everything(user))


def teams_giving(user: User, level: Level) -> QuerySet[Membership, int]:
    """Ids of the teams on whose objects the person has this level."""
    return Membership.objects.filter(user=user, role__in=PLACES[level]).values_list("team", flat=True)


def held(user: User, level: Level) -> Q:
    """On objects with an `owner` and a `team`: theirs, or their team's."""
    return Q(owner=user) | Q(team__in=teams_giving(user, level))


def given(user: User, level: Level) -> Q:
    """On shares: those that give the person this level. A team's viewer gets no more than a look."""
    return Q(level__gte=level) & (Q(user=user) | Q(team__in=teams_giving(user, min(level, USE))))


def may(user: User | None, level: Level, obj: Guarded) -> bool:
    """Whether the person has this level on the object."""
    return everywhere(user, level) or found(user, level, obj)


def found(user: User | None, level: Level, obj: Guarded) -> bool:
    return bool(type(obj).objects.open_to(user, level).filter(pk=obj.pk).exists())  # type: ignore[attr-defined]


def require(actor: Actor, level: Level, obj: Guarded) -> None:
    """Refuses who has not this level. What one may not even see is not there."""
    if not actor.is_nobody and may(actor.user, level, obj):
        return
    kind = type(obj).__name__
    if actor.is_nobody or not may(actor.user, SEE, obj):
        raise NotFoundError(f"{kind} {obj} not found", field="name")
    raise ForbiddenError(f"You may look at {obj}, and not {DOES[level]} it", field="name")


def team_chosen(actor: Actor, name: str) -> Team | None:
    """The team that something new is for: the named one, or the person's usual one; none for `none`."""
    if actor.user is None or name == "none":
        return None
    if not name:
        return usual_team(actor.user)
    team = Team.objects.filter(name=name).first()
    seen = team is not None and (everywhere(actor.user, SEE) or is_in(actor.user, team, SEE))
    if team is None or not seen:
        raise NotFoundError(f"Team {name} not found", field="team")
    if not is_in(actor.user, team, USE):
        raise ForbiddenError(f"Only members and owners of {name} make clones for it", field="team")
    return team


def usual_team(user: User) -> Team | None:
    person = getattr(user, "person", None)
    team = person.default_team if person else None
    return team if team and is_in(user, team, USE) else None


def is_in(user: User, team: Team, level: Level) -> bool:
    return team.memberships.filter(user=user, role__in=PLACES[level]).exists()


def require_team(actor: Actor, level: Level, team: Team) -> None:
    """The same for a team itself: its owners run it, its people see it."""
    if actor.is_administrator or (not actor.is_nobody and level == SEE and sees_everything(actor.user)):
        return
    if actor.user and is_in(actor.user, team, level):
        return
    if actor.user and is_in(actor.user, team, SEE):
        raise ForbiddenError(f"Only an owner of {team} or an administrator may do that")
    raise NotFoundError(f"Team {team} not found", field="team")


def require_administrator(actor: Actor) -> None:
    """In person, or by a token that is for all that its account may do."""
    if actor.is_nobody or not administers(actor.user):
        raise ForbiddenError("Only an administrator may do that")
    if actor.scope not in ("", "all"):
        raise ForbiddenError("This token is not for administration")
