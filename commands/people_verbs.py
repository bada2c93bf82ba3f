"""The verbs about people: where they are signed in, whether they may, and links for a new password."""

from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from audit.services import Actor
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError, ForbiddenError
from cowweb.wording import counted
from links.addresses import site_address
from people.browsers import browser
from people.models import Visit
from people.passwords import reset_link
from people.persons import active_set, person_named
from people.rights import require_administrator
from people.visits import visit_end, visits_ended, visits_of


def person_for(command: Command, actor: Actor) -> User:
    """Oneself, or whom an administrator names: to others each name is as closed as any."""
    name = command.values.get("user", "")
    if actor.user and name in ("", actor.user.get_username()):
        return actor.user
    if not name:
        raise DomainError("The site itself is signed in nowhere: write user=", field="user")
    require_administrator(actor)
    return person_named(name)


def list_sessions(command: Command, caller: Caller) -> Result:
    user = person_for(command, caller.actor)
    sessions = [session_entry(visit) for visit in visits_of(user)]
    many = counted(len(sessions), "session")
    return {
        "output": f"{user.username} has {many}",
        "user": user.username,
        "count": len(sessions),
        "sessions": sessions,
    }


def session_entry(visit: Visit) -> dict[str, Any]:
    return {
        "session": visit.pk,
        "browser": browser(visit.agent),
        "address": visit.address,
        "method": visit.method,
        "began": visit.began_at.isoformat(),
        "seen": visit.seen_at.isoformat(),
    }


def end_session(command: Command, caller: Caller) -> Result:
    """One by its number, or all of a person's."""
    if "session" in command.values:
        number = int(command.values["session"])
        visit_end(pk=number, actor=caller.actor)
        return {"output": f"Session {number} has ended", "count": 1}
    user = person_for(command, caller.actor)
    ended = visits_ended(user=user, actor=caller.actor)
    return {"output": f"{user.username} is signed out everywhere", "user": user.username, "count": ended}


def disable_user(command: Command, caller: Caller) -> Result:
    return switched(command, caller, active=False)


def enable_user(command: Command, caller: Caller) -> Result:
    return switched(command, caller, active=True)


def switched(command: Command, caller: Caller, *, active: bool) -> Result:
    require_administrator(caller.actor)
    user = active_set(user=person_named(command.values["user"]), active=active, actor=caller.actor)
    words = "may sign in again" if active else "is disabled and signed out everywhere"
    return {"output": f"{user.username} {words}", "user": user.username, "active": user.is_active}


def password_link(command: Command, caller: Caller) -> Result:
    """The link is in this one answer and nowhere else."""
    require_administrator(caller.actor)
    user = person_named(command.values["user"])
    if caller.actor.scope:
        raise ForbiddenError("A token makes no links for passwords: sign in")
    path = reverse("password-reset", args=reset_link(user=user, actor=caller.actor).split("/"))
    url = site_address() + path
    return {
        "output": f"Whoever has {url} may set a new password of {user.username}, once, within a day",
        "user": user.username,
        "url": url,
    }
