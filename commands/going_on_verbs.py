"""The verbs about runs that are there already: cancel, send, retry, keep."""

from commands.base_verbs import flag, number
from commands.clone_verbs import finished
from commands.keys import MOST_RUN
from commands.language import Command
from commands.run_verbs import followed
from commands.service import Caller, Result
from provisioning.going_on import run_cancel, run_keep, run_retry
from provisioning.models import Run
from provisioning.sending import Sent, run_send
from provisioning.services import run_named


def run_of(command: Command, caller: Caller) -> Run:
    return run_named(number(command.values["run"], key="run", most=MOST_RUN), caller.actor)


def cancel(command: Command, caller: Caller) -> Result:
    run = run_of(command, caller)
    run_cancel(run=run, actor=caller.actor, afterwards=command.values.get("after", ""))
    return {"run": run.pk, "vm": run.clone_name, "output": f"Run {run.pk} was asked to end"}


def send(command: Command, caller: Caller) -> Result:
    run, values = run_of(command, caller), command.values
    ends = flag(values, "end")
    run_send(run=run, sent=Sent(values.get("text", ""), not flag(values, "hidden"), ends), actor=caller.actor)
    words = f"The input of run {run.pk} was ended" if ends else f"Sent to run {run.pk}"
    return {"run": run.pk, "vm": run.clone_name, "output": words}


def retry(command: Command, caller: Caller) -> Result:
    run = run_of(command, caller)
    phase, limit = command.values.get("phase", ""), command.values.get("timeout")
    timeout_s = number(limit, key="timeout") if limit else None
    asked = run_retry(
        run=run, phase=phase, secrets=caller.parameters, timeout_s=timeout_s, actor=caller.actor
    )
    return followed(asked, caller)


def keep(command: Command, caller: Caller) -> Result:
    run = run_of(command, caller)
    asked = run_keep(run=run, actor=caller.actor)
    result: Result = {"run": run.pk, "vm": run.clone_name}
    if asked is None:
        return {**result, "output": f"{run.clone_name} stays after run {run.pk}"}
    if caller.waits:
        finished(asked)
    return {**result, "output": f"{run.clone_name} of run {run.pk} was started again, for a look"}
