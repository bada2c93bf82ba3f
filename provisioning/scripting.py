"""The phases in the guest up to the script's end: its runtime, then the script itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from clones.models import Clone
from hosts.drivers.base import Guest
from hosts.drivers.errors import Unreachable
from hosts.drivers.records import Ending
from hosts.services import local_driver
from provisioning.calling import called, not_found
from provisioning.checkpoints import environment_of
from provisioning.endings import GONE, gone_in_words, script_said_no
from provisioning.handing import handed
from provisioning.launch import Launch, with_environment
from provisioning.models import Run, RunPhase
from provisioning.sending import Typed
from provisioning.work import Work, token_of

Phase = RunPhase.Name
State = RunPhase.State
RESTARTING = "reboot: Restarting system"  # Linux says so however quiet its console is
EVERY_LINE = 1 << 18  # of the console's tail, which is as many bytes


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
    with restart_named(work.clone):
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


@contextmanager
def restart_named(clone: Clone) -> Iterator[None]:
    """A machine that boots again by itself goes on, and only the way into it breaks: its console says why."""
    before = restarts(clone)
    try:
        yield
    except Unreachable as error:
        if restarts(clone) > before:
            raise Unreachable(gone_in_words(GONE[Ending.RESET], Phase.SCRIPT)) from error
        raise


def restarts(clone: Clone) -> int:
    """How often the guest says, in the tail of its console, that it boots again."""
    return local_driver().console_tail(clone.folder, lines=EVERY_LINE).count(RESTARTING)
