"""What can be done with teams. Administrators make them, their owners run them.

Example::

    team = team_create(name="red", description="", actor=actor)
    member_set(team=team, user=mia, role="member", actor=actor)
"""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, NameTakenError, NotFoundError
from cowweb.live import RIGHTS, ring
from cowweb.values import InvalidValue, machine_name
from people.models import Membership, Person, Team
from people.rights import OWN, SEE, everywhere, require_administrator, require_team

Role = Membership.Role
NO_PLACE = "{!r} is no place in a team: write viewer, member or owner"


def team_named(name: str, actor: Actor) -> Team:
    """The team that the actor is in, or may see by their role on the site."""
    teams = Team.objects.all()
    if actor.user and not everywhere(actor.user, SEE):
        teams = teams.of(actor.user)
    team = teams.filter(name=name).first()
    if team is None:
        raise NotFoundError(f"Team {name} not found", field="team")
    return team


def team_create(*, name: str, description: str, actor: Actor) -> Team:
    """A new team; who makes it owns it."""
    with operation(actor, "create_team", target=f"team:{name}", params={"description": description}):
        require_administrator(actor)
        try:
            machine_name(name)
        except InvalidValue as error:
            raise DomainError(str(error), field="name") from None
        if name == "none":
            raise DomainError("'none' stands for no team: choose another name", field="name")
        try:
            with transaction.atomic():
                team = Team.objects.create(name=name, description=description)
                if actor.user:
                    Membership.objects.create(team=team, user=actor.user, role=Role.OWNER)
                ring("people")
        except IntegrityError:
            raise NameTakenError(f"There is a team {name} already", field="name") from None
        return team


def team_remove(*, team: Team, actor: Actor) -> None:
    """Ends a team that has no clones, not even removed ones: the record of those names it."""
    with operation(actor, "remove_team", target=f"team:{team.name}"):
        require_administrator(actor)
        try:
            team.delete()
        except ProtectedError:
            raise ConflictError(f"{team} has or had clones, so it stays: take its people out") from None
        ring("people", RIGHTS)


def member_set(*, team: Team, user: User, role: str, actor: Actor) -> Membership:
    """Brings a person into a team, or changes their place in it."""
    with operation(
        actor, "set_member", target=f"team:{team.name}", params={"who": user.username, "role": role}
    ) as op:
        require_team(actor, OWN, team)
        if role not in Role.values:
            raise DomainError(NO_PLACE.format(role), field="role")
        with transaction.atomic():
            if role != Role.OWNER:
                kept_an_owner(team, user)
            before = team.memberships.filter(user=user).values("role").first()
            membership = placed(team, user, role)
            op.changed(before or {"role": None}, {"role": role})
            ring("people", "clones", RIGHTS)
        return membership


def placed(team: Team, user: User, role: str) -> Membership:
    """The place itself; a first team becomes the one that new clones are for. Writes no audit entry."""
    membership, _ = Membership.objects.update_or_create(team=team, user=user, defaults={"role": role})
    person, _ = Person.objects.get_or_create(user=user)
    if person.default_team_id is None and role != Role.VIEWER:
        Person.objects.filter(pk=person.pk).update(default_team=team)
    return membership


def member_remove(*, team: Team, user: User, actor: Actor) -> None:
    """Takes a person out of a team; one may leave by oneself."""
    with operation(actor, "remove_member", target=f"team:{team.name}", params={"who": user.username}):
        if actor.user != user:
            require_team(actor, OWN, team)
        with transaction.atomic():
            kept_an_owner(team, user, unless=actor.is_administrator)
            if not Membership.objects.filter(team=team, user=user).delete()[0]:
                raise NotFoundError(f"{user.username} is not in {team}")
            Person.objects.filter(user=user, default_team=team).update(default_team=None)
            ring("people", "clones", RIGHTS)


def kept_an_owner(team: Team, leaving: User, *, unless: bool = False) -> None:
    owners = team.memberships.filter(role=Role.OWNER)
    if not unless and owners.filter(user=leaving).exists() and owners.count() == 1:
        raise ConflictError(f"{leaving.username} is the last owner of {team}: name another one first")
