"""The verbs about chains: flatten, promote, rebase."""

from typing import Any

from bases.services import base_seen
from clones.chains import (
    Rehearsed,
    base_rebase,
    clone_flatten,
    clone_promote,
    clone_rebase,
    rebase_rehearsed,
    rehearsed,
    revision_wanted,
)
from clones.models import DiskTask
from clones.named import clone_named
from clones.services import Asked
from commands.base_verbs import flag, number
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError
from hosts.jobs import work_or_wait
from hosts.models import Job

LONG_S = 6 * 3600.0
MOST_REVISIONS = 1_000_000


def flatten(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    return answered(clone_flatten(clone=one, actor=caller.actor), caller)


def promote(command: Command, caller: Caller) -> Result:
    one = clone_named(command.values["name"], caller.actor)
    name = command.values["as"]
    return {**answered(clone_promote(clone=one, name=name, actor=caller.actor), caller), "base": name}


def rebase(command: Command, caller: Caller) -> Result:
    values = command.values
    to = number(values["to"], key="to", most=MOST_REVISIONS) if "to" in values else None
    if "base" in values:
        return rebase_all(values, to, caller)
    one = clone_named(values["name"], caller.actor)
    if flag(values, "rehearse"):
        return told([rehearsed(one, revision_wanted(one.revision.base, to), caller.actor)], word="can move")
    return answered(clone_rebase(clone=one, to=to, actor=caller.actor), caller)


def rebase_all(values: dict[str, str], to: int | None, caller: Caller) -> Result:
    base = base_seen(values["base"], caller.actor)
    if flag(values, "rehearse"):
        return told(rebase_rehearsed(base, to=to, actor=caller.actor), word="can move")
    done = base_rebase(base=base, to=to, actor=caller.actor)
    if caller.waits:
        for _, asked in done:
            if asked:
                done_or_refused(asked)
    return told([one for one, _ in done], word="moved" if caller.waits else "being moved")


def told(found: list[Rehearsed], *, word: str) -> Result:
    """Who is affected, and why others are not."""
    clones = [entry(one) for one in found]
    fit = [each["name"] for each in clones if each["possible"]]
    cannot = [f"{each['name']}: {each['reason']}" for each in clones if not each["possible"]]
    sentence = f"{len(fit)} of {len(clones)} clones {word}"
    parts = [sentence + (f": {', '.join(fit)}" if fit else ""), *cannot]
    return {"output": "; ".join(parts), "count": len(fit), "clones": clones}


def entry(one: Rehearsed) -> dict[str, Any]:
    return {
        "name": one.clone.name,
        "from": str(one.clone.revision),
        "to": str(one.to),
        "possible": not one.refusal,
        "reason": one.refusal,
        "note": one.note,
    }


def answered(asked: Asked, caller: Caller) -> Result:
    """The task's outcome for who waits; otherwise that it was begun."""
    task = DiskTask.objects.get(job=asked.job)
    result: Result = {"vm": asked.clone.name, "task": task.pk}
    if not caller.waits:
        return {**result, "output": f"{task.get_kind_display()} {asked.clone.name}", "state": task.state}
    done_or_refused(asked)
    task.refresh_from_db()
    return {**result, "output": f"{asked.clone.name}: {task.note}", "state": task.state}


def done_or_refused(asked: Asked) -> None:
    """Does the work here, or waits for who does it; its failure is raised."""
    assert asked.job
    if not work_or_wait(asked.job, timeout_s=LONG_S):
        raise DomainError(f"{asked.clone.name} was not done in time", code="timeout")
    asked.job.refresh_from_db()
    if asked.job.state == Job.State.FAILED:
        raise DomainError(asked.job.failure, code="host_error")
