"""The verb that reads the audit trail."""

from typing import Any

from audit.models import AuditEntry
from commands.base_verbs import number
from commands.language import Command
from commands.service import Caller, Result
from cowweb.roles import audits

DEFAULT_LINES = 50


def security_audit(command: Command, caller: Caller) -> Result:
    lines = number(command.values.get("lines", str(DEFAULT_LINES)), key="lines", most=10_000)
    entries = AuditEntry.objects.for_list()
    if not audits(caller.actor.user):
        entries = entries.filter(actor=caller.actor.user)
    trail = [trail_entry(entry) for entry in entries[:lines]]
    words = "The last entry" if len(trail) == 1 else f"The last {len(trail)} entries"
    told = "".join(f"{in_a_line(entry)}\n" for entry in reversed(trail))
    return {"output": words, "stdout": told, "count": len(trail), "entries": trail}


def in_a_line(entry: dict[str, Any]) -> str:
    """An entry for people, who read it in a terminal."""
    when = entry["at"][:19].replace("T", " ")
    parts = (when, entry["actor"], entry["via"], entry["action"], entry["target"], entry["outcome"])
    words = "  ".join(part or "-" for part in parts)
    return f"{words}: {entry['reason']}" if entry["reason"] else words


def trail_entry(entry: AuditEntry) -> dict[str, Any]:
    outcome = getattr(entry, "outcome", None)
    return {
        "at": entry.at.isoformat(),
        "actor": entry.actor_name,
        "via": entry.via,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "params": entry.params,
        "outcome": outcome.result if outcome else None,
        "reason": outcome.reason if outcome else "",
    }
