"""The verbs about what the reconciler found."""

from typing import Any

from clones.deciding import finding_decide, finding_numbered, findings_seen
from commands.base_verbs import number
from commands.language import Command
from commands.service import Caller, Result
from hosts.models import Finding

SHOWN = 200
MOST = 999_999_999


def list_findings(command: Command, caller: Caller) -> Result:
    """The open ones, or those of one state."""
    found = findings_seen(caller.actor)
    state = command.values.get("state")
    found = found.filter(state=state) if state else found.filter(state__in=Finding.OPEN)
    findings = [entry(one) for one in found[:SHOWN]]
    lines = [f"{one['finding']} {one['state']}: {one['subject']}, {one['found']}" for one in findings]
    return {
        "output": "; ".join(lines) or "The site and its host agree",
        "count": len(findings),
        "findings": findings,
    }


def decide_finding(command: Command, caller: Caller) -> Result:
    values = command.values
    finding = finding_numbered(number(values["finding"], key="finding", most=MOST), caller.actor)
    done = finding_decide(
        finding, decision=values["decision"], actor=caller.actor, name=values.get("name", "")
    )
    return {"output": f"Finding {finding.pk}: {done}", "finding": finding.pk, "decision": values["decision"]}


def entry(finding: Finding) -> dict[str, Any]:
    return {
        "finding": finding.pk,
        "kind": finding.kind,
        "subject": finding.subject,
        "state": finding.state,
        "found": finding.found,
        "done": finding.done,
        "choices": list(finding.choices),
        "count": finding.count,
        "firstSeen": finding.first_seen.isoformat(),
        "lastSeen": finding.last_seen.isoformat(),
    }
