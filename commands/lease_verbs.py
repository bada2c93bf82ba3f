"""The verbs about how long clones last: leases, the recycle bin, idle machines."""

from typing import Any

from bases.models import BaseImage
from clones.bin import binned_named, clone_bin, clone_purge, clone_undelete
from clones.leases import Length, clone_terms, lease_extend, lease_of, policy_of, policy_set
from clones.models import Clone
from clones.named import clone_named
from clones.services import clone_remove
from commands.base_verbs import flag, number
from commands.clone_verbs import finished
from commands.keys import MOST_LEASE, NO_LENGTH
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError, NotFoundError
from cowweb.wording import moment
from people.teams import team_named


def extend(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    lease = lease_extend(clone=one, hours=hours_of(command, "hours"), actor=caller.actor)
    return {
        "output": f"{one.name} lasts until {moment(lease.ends_at)}" if lease.ends_at else f"{one.name} lasts",
        "vm": one.name,
        **lease_entry(one),
    }


def hours_of(command: Command, key: str) -> int | None:
    text = command.values.get(key)
    return None if text is None else number(text, key=key, most=MOST_LEASE)


def lease_entry(one: Clone) -> dict[str, Any]:
    lease, terms = lease_of(one), clone_terms(one)
    latest = terms.latest(lease)
    return {
        "leaseEnds": lease.ends_at.isoformat() if lease.ends_at else None,
        "leaseLatest": latest.isoformat() if latest else None,
        "leaseEnded": lease.ended_at.isoformat() if lease.ended_at else None,
        "leaseNote": lease.note,
    }


def lease(command: Command, caller: Caller) -> Result:
    """Of one clone: shown. Of a team or a base: shown, or set where hours are given."""
    if "name" in command.values:
        if "default" in command.values or "most" in command.values:
            raise DomainError("One clone's lease is changed with extend name=… hours=…", field="name")
        one = clone_named(command.values["name"], caller.actor)
        entry = lease_entry(one)
        ends = lease_of(one).ends_at
        until = f"lasts until {moment(ends)}" if ends else "lasts without an end"
        return {"output": f"{one.name} {until}", "vm": one.name, **entry}
    return lease_policy(command, caller)


def lease_policy(command: Command, caller: Caller) -> Result:
    team = team_named(command.values["team"], caller.actor) if "team" in command.values else None
    base = base_named(command.values["base"], caller) if team is None else None
    said = policy_of(team=team, base=base)
    if "default" in command.values or "most" in command.values:
        default = length_of(command, "default", said.default_hours)
        most = length_of(command, "most", said.most_hours)
        said = policy_set(team=team, base=base, length=Length(default, most), actor=caller.actor)
    default, most = said.default_hours, said.most_hours
    words = [f"{hours} h" if hours else "as the site has it" for hours in (default, most)]
    output = f"Leases of {team or base}: {words[0]}; at most: {words[1]}"
    return {"output": output, "default": default, "most": most}


def length_of(command: Command, key: str, said: int | None) -> int | None:
    """What is left out stays as it was; `none` leaves it to the site."""
    if command.values.get(key) == NO_LENGTH:
        return None
    return hours_of(command, key) or said


def base_named(name: str, caller: Caller) -> BaseImage:
    base = BaseImage.objects.visible_to(caller.actor.user).filter(name=name).first()
    if base is None:
        raise NotFoundError(f"Base image {name} not found", field="base")
    return base


def remove(command: Command, caller: Caller) -> Result:
    """For good, unless it is to go to the bin."""
    one = clone_named(command.values["name"], caller.actor)
    to_bin = flag(command.values, "bin")
    asked = (clone_bin if to_bin else clone_remove)(clone=one, actor=caller.actor)
    if caller.waits:
        finished(asked)
    asked.clone.refresh_from_db()
    result: Result = {"vm": one.name, "status": asked.clone.status, "output": f"{one.name} removed"}
    if to_bin:
        until = asked.clone.binned.until
        result |= {"output": f"{one.name} is in the bin until {moment(until)}", "until": until.isoformat()}
    return result


def list_bin(command: Command, caller: Caller) -> Result:
    clones = Clone.objects.binned().visible_to(caller.actor.user).for_list()
    entries = [
        {
            "name": one.name,
            "image": one.revision.base.name,
            "owner": one.owner.get_username(),
            "diskBytes": one.disk_bytes,
            "removed": one.binned.at.isoformat(),
            "until": one.binned.until.isoformat(),
        }
        for one in clones
    ]
    listed = ", ".join(str(entry["name"]) for entry in entries)
    words = f"{len(entries)} in the bin: {listed}" if entries else "The bin is empty"
    return {"output": words, "count": len(entries), "vms": entries}


def undelete(command: Command, caller: Caller) -> Result:
    one = binned_named(command.values["name"], caller.actor)
    back = clone_undelete(clone=one, name=command.values.get("as", ""), actor=caller.actor)
    return {"output": f"{back.name} is back, stopped", "vm": back.name, "status": back.status}


def purge(command: Command, caller: Caller) -> Result:
    asked = clone_purge(clone=binned_named(command.values["name"], caller.actor), actor=caller.actor)
    if caller.waits:
        finished(asked)
    asked.clone.refresh_from_db()
    name = asked.clone.name
    return {"output": f"{name} is deleted for good", "vm": name, "status": asked.clone.status}


def list_idle(command: Command, caller: Caller) -> Result:
    clones = Clone.objects.idle(hours_of(command, "hours")).visible_to(caller.actor.user).for_list()
    entries = [
        {
            "name": one.name,
            "owner": one.owner.get_username(),
            "team": one.team.name if one.team else None,
            "memory": f"{one.memory_mb}M",
            "idleSince": one.activity.active_at.isoformat(),
            "lastActivity": one.activity.what,
        }
        for one in clones
    ]
    listed = ", ".join(f"{entry['name']} ({entry['owner']})" for entry in entries)
    words = f"{len(entries)} idle: {listed}" if entries else "No machine is idle"
    return {"output": words, "count": len(entries), "vms": entries}
