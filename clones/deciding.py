"""What an administrator decides of a finding that waits: adopt, remove or leave.

What is removed or adopted is the very thing that was found. If something else has its name by now, the
decision is refused, and the next look finds that.

Example::

    finding_decide(finding, decision="leave", actor=actor)
"""

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db.models import QuerySet

from audit.services import Actor, operation
from clones.adoption import folder_adopted, machine_adopted
from clones.models import Clone
from clones.services import clone_remove
from clones.unknown import unknown_machines, unknown_things
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.roles import audits
from hosts.drivers.processes import Process, send_signal, wait_gone
from hosts.drivers.records import MachineRecord
from hosts.findings import Decision, Kind, finding_moved
from hosts.models import Finding
from people import rights

KILL_S = 10.0
PROCESS_FACTS = ("pid", "started_ticks", "boot_id")


@dataclass(frozen=True, slots=True)
class Deciding:
    """One decision being carried out. `name` is for what is adopted."""

    finding: Finding
    actor: Actor
    name: str = ""


def findings_seen(actor: Actor) -> QuerySet[Finding]:
    """For those who read everything: what was found says what lies on the host."""
    if not audits(actor.user):
        raise ForbiddenError("Only administrators and auditors see what the reconciler found")
    return Finding.objects.for_list()


def finding_numbered(pk: int, actor: Actor) -> Finding:
    finding = findings_seen(actor).filter(pk=pk).first()
    if finding is None:
        raise NotFoundError(f"Finding {pk} not found", field="finding")
    return finding


def finding_decide(finding: Finding, *, decision: str, actor: Actor, name: str = "") -> str:
    """Carries the decision out and returns what was done, in words."""
    params = {"decision": decision, "subject": str(finding), "name": name}
    with operation(actor, "decide_finding", target=f"finding:{finding.pk}", params=params):
        rights.require_administrator(actor)
        if name and decision != Decision.ADOPT:
            raise DomainError("Only what is adopted gets a name: leave it out", field="name")
        if decision not in finding.choices:
            raise ConflictError(refusal(finding), field="decision")
        done = WORK[decision](Deciding(finding, actor, name))
        if not finding_moved(finding.pk, done=done, decision=decision, decided_by=actor.name):
            raise ConflictError(f"Finding {finding.pk} was decided by someone else just now")
        return done


def refusal(finding: Finding) -> str:
    if not finding.choices:
        return f"Finding {finding.pk} is {finding.get_state_display().lower()}; there is nothing to decide"
    return f"Finding {finding.pk} can be decided by {' or '.join(map(str, finding.choices))}"


def left(deciding: Deciding) -> str:
    return "It was left as it is, and is not reported again."


def adopted(deciding: Deciding) -> str:
    finding = still_there(deciding.finding)
    if finding.kind == Kind.PROCESS:
        if deciding.name:
            raise DomainError("A running machine keeps its name: leave it out", field="name")
        record = MachineRecord(**finding.evidence)
        return f"It is clone {machine_adopted(record, actor=deciding.actor).name} now."
    folder = Path(finding.evidence["path"])
    return f"It is clone {folder_adopted(folder, name=deciding.name, actor=deciding.actor).name} now."


def removed(deciding: Deciding) -> str:
    return REMOVE[deciding.finding.kind](deciding)


def process_removed(deciding: Deciding) -> str:
    """Ends exactly the process that was found."""
    facts = still_there(deciding.finding).evidence
    process = Process(*(facts[key] for key in PROCESS_FACTS))
    send_signal(process, signal.SIGKILL)
    if not wait_gone(process, timeout_s=KILL_S):
        raise ConflictError(f"Process {process.pid} is still there {KILL_S:g} s after it was killed")
    return "The process was ended; its files are as they were."


def path_removed(deciding: Deciding) -> str:
    finding = still_there(deciding.finding)
    path = Path(finding.evidence["path"])
    if finding.kind == Kind.FOLDER:
        folder_free(path)
        shutil.rmtree(path)
    else:
        path.unlink()
    return "It was deleted."


def folder_free(folder: Path) -> None:
    """Refuses to delete under a machine that is at work."""
    for noted in unknown_machines():
        facts = noted.evidence
        at = Path(facts.get("folder") or facts["path"])
        if at.is_relative_to(folder):
            raise ConflictError(f"{noted.subject} is at work in it: decide on that first")


def clone_given_up(deciding: Deciding) -> str:
    clone = Clone.objects.live().filter(pk=deciding.finding.evidence["clone"]).first()
    if clone is None:
        return "The clone is gone already."
    clone_remove(clone=clone, actor=deciding.actor)
    return f"Clone {clone.name} is being removed."


def still_there(finding: Finding) -> Finding:
    """The finding, if what was found is still that, and still nobody's."""
    look = unknown_machines if finding.kind == Kind.PROCESS else unknown_things
    now = next((noted for noted in look() if noted.subject == finding.subject), None)
    if now is None or now.evidence != finding.evidence:
        raise ConflictError("It is not there any more, or has changed. The next look says what is there now")
    return finding


Work = Callable[[Deciding], str]
WORK: dict[str, Work] = {Decision.LEAVE: left, Decision.ADOPT: adopted, Decision.REMOVE: removed}
REMOVE: dict[str, Work] = {
    Kind.PROCESS: process_removed,
    Kind.FOLDER: path_removed,
    Kind.FILE: path_removed,
    Kind.MEMORY: path_removed,
    Kind.CLONE: clone_given_up,
}
