"""A clone lent to a colleague or a team, and given away for good.

Example::

    clone_share(clone=clone, whom=Whom(user="mia"), level=USE, actor=actor)
    clone_unshare(clone=clone, whom=Whom(user="mia"), actor=actor)
    clone_transfer(clone=clone, whom=Whom(team="red"), actor=actor)
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from audit.services import Actor, operation
from clones.admission import handed_over
from clones.models import Clone, Share
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.live import RIGHTS, ring
from people import rights
from people.models import Team
from people.rights import OWN, SEE, USE, Level

LEVELS: dict[str, Level] = {"read": SEE, "use": USE}


@dataclass(frozen=True, slots=True)
class Whom:
    """One of both, by name."""

    user: str = ""
    team: str = ""

    @property
    def params(self) -> dict[str, str]:
        return {"user": self.user, "team": self.team}


def recipient(whom: Whom, actor: Actor) -> User | Team:
    """The person or the team that is meant. A team is as unknown as any to those who may not see it."""
    if bool(whom.user) == bool(whom.team):
        raise DomainError("Name a person or a team, one of both", field="user")
    if whom.user:
        user = User.objects.filter(username=whom.user, is_active=True).first()
        if user is None:
            raise NotFoundError(f"User {whom.user} not found", field="user")
        return user
    teams = Team.objects.all()
    if actor.user and not rights.everywhere(actor.user, SEE):
        teams = teams.of(actor.user)
    team = teams.filter(name=whom.team).first()
    if team is None:
        raise NotFoundError(f"Team {whom.team} not found", field="team")
    return team


def column(to: User | Team) -> dict[str, Any]:
    return {"team": to} if isinstance(to, Team) else {"user": to}


def level_named(word: str) -> Level:
    if word not in LEVELS:
        raise DomainError(f"{word!r} is no level: write read or use", field="level")
    return LEVELS[word]


def clone_share(*, clone: Clone, whom: Whom, level: str, actor: Actor) -> Share:
    """Opens a clone to one person or team more, or changes what they may do with it."""
    params = {**whom.params, "level": level}
    target = f"clone:{clone.name}"
    with operation(actor, "share", target=target, params=params) as op, transaction.atomic():
        rights.require(actor, OWN, clone)
        to = recipient(whom, actor)
        if to in (clone.owner, clone.team):
            raise ConflictError(f"{clone.name} is {to}'s already", field="team" if whom.team else "user")
        values = {"level": level_named(level), "by_name": actor.name}
        before = Share.objects.filter(clone=clone, **column(to)).first()
        had = next((word for word, each in LEVELS.items() if before and each == before.level), None)
        op.changed({"level": had}, {"level": level})
        share, _ = Share.objects.update_or_create(clone=clone, **column(to), defaults=values)
        ring("clones", f"clone.{clone.pk}", RIGHTS)
        return share


def clone_unshare(*, clone: Clone, whom: Whom, actor: Actor) -> None:
    """Takes a share back. Whoever has one may also give it up by themselves."""
    with operation(actor, "unshare", target=f"clone:{clone.name}", params=whom.params), transaction.atomic():
        to = shared_with(clone, whom)
        if to != actor.user:
            rights.require(actor, OWN, clone)
        if to is None or not Share.objects.filter(clone=clone, **column(to)).delete()[0]:
            raise NotFoundError(f"{clone.name} is not shared with {whom.user or whom.team}", field="user")
        ring("clones", f"clone.{clone.pk}", RIGHTS)


def shared_with(clone: Clone, whom: Whom) -> User | Team | None:
    """Looked up among the shares alone, so also those are found who are disabled or out of sight by now."""
    if bool(whom.user) == bool(whom.team):
        raise DomainError("Name a person or a team, one of both", field="user")
    shares = clone.shares.select_related("user", "team")
    share = shares.filter(
        **({"user__username": whom.user} if whom.user else {"team__name": whom.team})
    ).first()
    return (share.user or share.team) if share else None


def clone_transfer(*, clone: Clone, whom: Whom, actor: Actor) -> Clone:
    """Gives a clone to a person, or to a team. It leaves a team that its new owner does not work in.
    Whom it comes to needs room for it in their quotas. Who had it keeps no share of it."""
    target = f"clone:{clone.name}"
    with operation(actor, "transfer", target=target, params=whom.params) as op, transaction.atomic():
        clone = Clone.objects.select_for_update(of=("self",)).select_related("owner", "team").get(pk=clone.pk)
        rights.require(actor, OWN, clone)
        to = recipient(whom, actor)
        changes = given_to_team(clone, to, actor) if isinstance(to, Team) else given_to_person(clone, to)
        Clone.objects.filter(pk=clone.pk).update(**changes)
        is_team = isinstance(to, Team)
        handed_over(clone, user=None if is_team else to.pk, team=to.pk if is_team else None)
        Share.objects.filter(clone=clone, **column(to)).delete()
        if not is_team:
            op.changed({"sharedWith": given_up(clone, clone.owner)}, {"sharedWith": []})
        op.changed(held_by(clone), held_by(Clone.objects.select_related("owner", "team").get(pk=clone.pk)))
        ring("clones", f"clone.{clone.pk}", RIGHTS)
    return Clone.objects.for_list().get(pk=clone.pk)


def held_by(clone: Clone) -> dict[str, str | None]:
    return {"owner": clone.owner.username, "team": clone.team.name if clone.team else None}


def given_up(clone: Clone, former: User) -> list[str]:
    """Ends the shares by which its former owner would have it still: their own, and those of their teams."""
    teams = rights.teams_giving(former, SEE)
    left = Share.objects.filter(Q(user=former) | Q(team__in=teams), clone=clone)
    names = [str(share.user or share.team) for share in left.select_related("user", "team")]
    left.delete()
    return names


def given_to_team(clone: Clone, team: Team, actor: Actor) -> dict[str, Any]:
    """Its owner stays who answers for it; the team's owners may do as much."""
    if clone.team_id == team.pk:
        raise ConflictError(f"{clone.name} is {team}'s already", field="team")
    if actor.user and not actor.is_administrator and not rights.is_in(actor.user, team, USE):
        raise ForbiddenError(f"Only members and owners of {team} bring clones into it", field="team")
    return {"team": team}


def given_to_person(clone: Clone, user: User) -> dict[str, Any]:
    if clone.owner_id == user.pk:
        raise ConflictError(f"{clone.name} is {user.username}'s already", field="user")
    stays = clone.team is not None and rights.is_in(user, clone.team, USE)
    return {"owner": user, "team": clone.team if stays else None}
