"""The verbs that give clones to others, for a while or for good."""

from clones.lending import Whom, clone_share, clone_transfer, clone_unshare
from clones.named import clone_named
from commands.language import Command
from commands.service import Caller, Result


def whom(command: Command) -> Whom:
    return Whom(user=command.values.get("user", ""), team=command.values.get("team", ""))


def share(command: Command, caller: Caller) -> Result:
    one, to = clone_named(command.values["name"], caller.actor), whom(command)
    level = command.values.get("level", "use")
    clone_share(clone=one, whom=to, level=level, actor=caller.actor)
    words = {"use": "use", "read": "look at"}[level]
    return {
        "output": f"{to.user or to.team} may {words} {one.name}",
        "vm": one.name,
        "sharedWith": to.user or to.team,
        "level": level,
    }


def unshare(command: Command, caller: Caller) -> Result:
    one, to = clone_named(command.values["name"], caller.actor), whom(command)
    clone_unshare(clone=one, whom=to, actor=caller.actor)
    return {"output": f"{one.name} is no longer shared with {to.user or to.team}", "vm": one.name}


def transfer(command: Command, caller: Caller) -> Result:
    one, to = clone_named(command.values["name"], caller.actor), whom(command)
    given = clone_transfer(clone=one, whom=to, actor=caller.actor)
    return {
        "output": f"{one.name} belongs to {to.user or to.team} now",
        "vm": one.name,
        "owner": given.owner.get_username(),
        "team": given.team.name if given.team else None,
    }
