"""The verbs about scripts and their runs."""

from dataclasses import dataclass

from commands.base_verbs import flag, megabytes, number
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError, NotFoundError
from cowweb.values import port_list
from hosts.jobs import work_or_wait
from provisioning.library import version_named
from provisioning.models import Run, ScriptVersion
from provisioning.output import stream_text
from provisioning.parameters import parameters_read
from provisioning.services import Order, Ordered, run_create, script_parsed

WAIT_SLACK_S = 600
SCRIPT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chosen:
    """The script that a command names: its bytes, what it is called, and its version in the library."""

    text: bytes
    name: str
    version: ScriptVersion | None = None


def chosen(text: str, caller: Caller) -> Chosen:
    """A script of the library (`name` or `name@3`), else a file below an import folder."""
    try:
        version = version_named(text, caller.actor)
    except DomainError as missing:
        return Chosen(file_text(text, caller, missing), text.rpartition("/")[2])
    return Chosen(version.text.encode(), version.script.name, version)


def file_text(text: str, caller: Caller, missing: DomainError) -> bytes:
    try:
        path = caller.taken_file(text, key="script")
    except NotFoundError:
        raise missing from None
    with path.open("rb") as file:
        return file.read(SCRIPT_BYTES + 1)


def provision(command: Command, caller: Caller) -> Result:
    values = command.values
    script = chosen(values["script"], caller)
    ordered = run_create(
        Order(
            text=script.text,
            script_name=script.name,
            version=script.version,
            name=values.get("name", ""),
            base=values.get("base", ""),
            memory_mb=megabytes(values["memory"]) if "memory" in values else None,
            cpus=number(values["cpus"], key="cpus") if "cpus" in values else None,
            ports=port_list(values["ports"]) if "ports" in values else None,
            timeout_s=number(values["timeout"], key="timeout") if "timeout" in values else None,
            parameters=given(values.get("parameters", ""), script, caller),
            keep_running=flag(values, "keep_running"),
            snapshot=flag(values, "snapshot"),
            afterwards=values.get("after", ""),
            channel=values.get("channel", ""),
            publish=values.get("publish", ""),
            interactive=flag(values, "interactive"),
        ),
        actor=caller.actor,
    )
    return followed(ordered, caller)


def followed(ordered: Ordered, caller: Caller) -> Result:
    """The run's result once it has ended, for callers that wait; else that it has begun."""
    if caller.on_run:
        caller.on_run(ordered.run)
    if caller.waits and not work_or_wait(ordered.job, timeout_s=ordered.run.timeout_s + WAIT_SLACK_S):
        raise DomainError(f"Run {ordered.run.pk} did not end in time", code="timeout")
    return run_result(Run.objects.select_related("clone").get(pk=ordered.run.pk))


def given(line: str, script: Chosen, caller: Caller) -> dict[str, str]:
    """What the line gives and what came beside it. A line is kept in histories, so it gives no secret."""
    in_line = parameters_read(line)
    declared = script_parsed(script.text, name=script.name).header.params
    secret = [param.name for param in declared if param.is_secret and param.name in in_line]
    if secret:
        raise DomainError(
            f"parameters: {', '.join(secret)} is secret and has no place in a command: give it beside the "
            "command, in `parameters` of the API or with `cow --parameters`",
            field="parameters",
        )
    return {**in_line, **caller.parameters}


def run_result(run: Run) -> Result:
    """A run as `provision` answers it."""
    forwards = dict(run.clone.forwards) if run.clone else {}
    ports = list(run.clone.ports) if run.clone else []
    result: Result = {
        "vm": run.clone_name,
        "run": run.pk,
        "ingressPort": ports[0] if ports else None,
        "ingress": [{"guest": p, "url": f"http://127.0.0.1:{forwards[p]}/"} for p in ports if p in forwards],
        "status": status_word(run),
        "channel": run.channel,
        "exitCode": run.exit_code,
        "stdout": stream_text(run.pk, "stdout"),
        "stderr": stream_text(run.pk, "stderr"),
        "snapshot": run.snapshot_name or None,
        "published": str(run.published) if run.published else None,
        "timings": {f"{phase.name}_ms": phase.ms for phase in run.phases.all() if phase.ms is not None},
    }
    return {**result, **outcome(run)}


def outcome(run: Run) -> Result:
    """Where it is, or how it ended, in the words of a result."""
    if run.status in (Run.Status.SUCCEEDED, Run.Status.QUEUED, Run.Status.RUNNING):
        return {"output": run_sentence(run)}
    sentence = f"{run.script_name} on {run.clone_name}: {run.failure}"
    return {"success": False, "output": sentence, "error": sentence, "code": failure_code(run)}


def failure_code(run: Run) -> str:
    return {"timed_out": "timeout", "cancelled": "cancelled", "interrupted": "interrupted"}.get(
        run.status, "script_failed" if run.exit_code else "failed"
    )


def status_word(run: Run) -> str:
    if run.status == Run.Status.SUCCEEDED:
        return "running" if run.keep_running else "provisioned"
    return str(run.status)


def run_sentence(run: Run) -> str:
    if not run.has_ended:
        return f"Run {run.pk} of {run.script_name} on {run.clone_name} has begun"
    kept = {"keep": "keeps running", "stop": "was shut down", "remove": "was removed"}[run.afterwards]
    seconds = (run.elapsed_ms or 0) / 1000
    return f"{run.script_name} succeeded on {run.clone_name} in {seconds:.1f} s; the clone {kept}"


def parse(command: Command, caller: Caller) -> Result:
    script = chosen(command.values["script"], caller)
    parsed = script_parsed(script.text, name=script.name)
    problems = parsed.problem_rows()
    result: Result = {"metadata": parsed.metadata(), "problems": problems}
    if problems:
        sentence = "; ".join(str(problem) for problem in parsed.problems)
        return {**result, "success": False, "output": sentence, "error": sentence, "code": "invalid"}
    return {**result, "output": f"The header asks for {parsed.header.base or 'no base of its own'}"}
