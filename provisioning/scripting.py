"""The phases in the guest up to the script's end: its runtime, then the script itself."""

import time

from django.db import transaction

from hosts.drivers.base import Guest
from provisioning.calling import called, not_found
from provisioning.checkpoints import environment_of
from provisioning.endings import script_said_no
from provisioning.handing import handed
from provisioning.launch import Launch, with_environment
from provisioning.models import Run, RunPhase
from provisioning.sending import Typed
from provisioning.work import Work, token_of

Phase = RunPhase.Name
State = RunPhase.State


def script_done(work: Work, guest: Guest) -> float:
    """The script was run, once; its exit status is in the run's row. What is left of the run's time, in
    seconds; all of it where the script had ended before."""
    if work.run.exit_code is not None:
        return work.run.timeout_s
    Run.objects.filter(pk=work.run.pk).update(channel=guest.channel)
    launch = runtime_ready(work, guest)
    script_run(work, launch, guest)
    return max(0.0, work.run.timeout_s - (time.monotonic() - work.recorder.start))


def runtime_ready(work: Work, guest: Guest) -> Launch:
    """What runs the script is there, or is brought; one that was brought before is only looked for."""
    if not work.steps.is_due(Phase.RUNTIME):
        return called(work, guest, as_cloned=False).launch
    with work.steps.phase(Phase.RUNTIME) as phase:
        calling = called(work, guest, as_cloned=True)
        if calling.by_runtime:
            phase.note = calling.note
        else:
            phase.skip(calling.note)
    return calling.launch


def script_run(work: Work, launch: Launch, guest: Guest) -> None:
    """Runs the script, keeping every line."""
    run, recorder = work.run, work.recorder
    work.steps.enter(Phase.SCRIPT)
    launch = handed(launch, run)
    recorder.start = time.monotonic()
    result = guest.run(
        with_environment(launch.command, environment_of(run)),
        stdin=launch.stdin,
        feed=Typed(run, recorder) if run.interactive else None,
        timeout_s=run.timeout_s,
        on_output=recorder.take,
        cancel=work.stop,
        token=token_of(run),
    )
    work.close()
    run.exit_code = result.exit_code
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(exit_code=result.exit_code)
        if result.exit_code:
            work.steps.leave(State.FAILED, f"exit status {result.exit_code}")
            script_said_no(run, result.exit_code, not_found(work.parsed.interpreter, result.exit_code))
        else:
            work.steps.leave(State.DONE, "exit status 0")
