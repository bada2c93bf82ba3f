"""The verbs about teams, who is in them, and who is who on the site."""

from django.db.models import Count
from django.urls import reverse

from audit.services import Actor
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import ForbiddenError
from cowweb.wording import counted
from links.addresses import site_address
from people.invitations import Guest, invitation_make
from people.models import Membership, Team
from people.persons import person_named, role_set
from people.rights import OWN, require_administrator, require_team
from people.teams import member_remove, member_set, team_create, team_named, team_remove

NO_PLACE = "none"


def in_person(actor: Actor) -> None:
    """Who is in a team decides what others' tokens open: not for one that is for clones alone."""
    if actor.scope not in ("", "all"):
        raise ForbiddenError("This token is not for administration")


def list_teams(command: Command, caller: Caller) -> Result:
    seen = Team.objects.visible_to(caller.actor.user)
    found = Team.objects.filter(pk__in=seen.values("pk")).annotate(people=Count("memberships"))
    listed = list(found.order_by("name").values("name", "description", "people"))
    names = ", ".join(str(team["name"]) for team in listed)
    many = counted(len(listed), "team")
    return {"output": f"{many}: {names}" if listed else "No teams", "count": len(listed), "teams": listed}


def create_team(command: Command, caller: Caller) -> Result:
    name, description = command.values["name"], command.values.get("description", "")
    team = team_create(name=name, description=description, actor=caller.actor)
    return {"output": f"There is a team {team.name} now", "team": team.name}


def remove_team(command: Command, caller: Caller) -> Result:
    require_administrator(caller.actor)
    team = team_named(command.values["name"], caller.actor)
    team_remove(team=team, actor=caller.actor)
    return {"output": f"The team {team.name} is removed; its people keep their accounts", "team": team.name}


def set_member(command: Command, caller: Caller) -> Result:
    """A place in a team for somebody who has an account; `none` takes them out."""
    in_person(caller.actor)
    team, place = team_named(command.values["team"], caller.actor), command.values["place"]
    name = command.values["user"]
    leaves = place == NO_PLACE and caller.actor.user and caller.actor.user.get_username() == name
    if not leaves:
        require_team(caller.actor, OWN, team)  # before a name is looked for
    user = person_named(name)
    if place == NO_PLACE:
        member_remove(team=team, user=user, actor=caller.actor)
        words = f"{user.username} is not in {team.name} any more"
    else:
        member_set(team=team, user=user, role=place, actor=caller.actor)
        words = f"{user.username} is {place} of {team.name}"
    return {"output": words, "team": team.name, "user": user.username, "place": place}


def set_role(command: Command, caller: Caller) -> Result:
    """What a person is on the site."""
    require_administrator(caller.actor)
    user = person_named(command.values["user"])
    role_set(user=user, role=command.values["role"], actor=caller.actor)
    words = f"{user.username} is {command.values['role']} of the site"
    return {"output": words, "user": user.username, "role": command.values["role"]}


def invite(command: Command, caller: Caller) -> Result:
    """The link is in this one answer and nowhere else."""
    if caller.actor.scope:
        raise ForbiddenError("A token makes no invitations: sign in")
    values = command.values
    team = team_named(values["team"], caller.actor) if "team" in values else None
    place = values.get("place", Membership.Role.MEMBER)
    guest = Guest(team, place, values.get("whom", ""), int(values.get("days", "7")))
    invitation, secret = invitation_make(guest, actor=caller.actor)
    url = site_address() + reverse("join", args=[secret])
    return {
        "output": f"Whoever has {url} may join {team or 'the site'}, once, within {guest.days} days",
        "url": url,
        "team": team.name if team else None,
        "place": place if team else None,
        "expires": invitation.expires_at.isoformat(),
    }
