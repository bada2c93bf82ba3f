"""Carrying out a run, phase by phase; a run that was begun before goes on where it was.

Called in a worker thread with the id of a queued run. The status comes from exit statuses and errors, never
from words in the output. No phase that was finished is done again, and a script never runs twice unless a
retry asks for it.

Example::

    run_carried_out(run.pk)      # raises what made it fail, after the run's row says so
"""

from typing import cast

from django.utils import timezone

from clones.machines import guest_of
from clones.models import Clone
from cowweb.errors import DomainError
from hosts.drivers.base import Channel, Guest
from provisioning.after import snapshot_kept
from provisioning.checking import checks_waited_for
from provisioning.checkpoints import Progress
from provisioning.endings import interrupted, run_failed, script_said_no, wound_up
from provisioning.machine import allocated, machine_up
from provisioning.models import Run, RunPhase
from provisioning.output import Recorder
from provisioning.phases import Steps, run_moved
from provisioning.publishing import published
from provisioning.scripting import script_done
from provisioning.services import script_parsed
from provisioning.work import Stop, Work

Status = Run.Status
Phase = RunPhase.Name
CHANNEL_S = 60.0
CODES = {Status.INTERRUPTED: "interrupted", Status.CANCELLED: "cancelled", Status.TIMED_OUT: "timeout"}


def run_carried_out(run_id: int) -> None:
    """Does all that is left to do of a run."""
    run = Run.objects.select_related("clone").get(pk=run_id)
    if run.has_ended:
        return
    if run.exit_code and not run.ending:
        script_said_no(run, run.exit_code)
    if run.ending:
        wound_up(run)
    elif script_was_running(run):
        interrupted(run)
    else:
        begun(run)
    if run.status != Status.SUCCEEDED:
        raise DomainError(run.failure, code=CODES.get(Status(run.status), "script_failed"))


def script_was_running(run: Run) -> bool:
    at_script = run.phases.filter(name=Phase.SCRIPT, state=RunPhase.State.RUNNING)
    return run.exit_code is None and at_script.exists()


def begun(run: Run) -> None:
    """Takes the phases that are left; the run has ended afterwards."""
    run_moved(run.pk, to=Status.RUNNING, started_at=run.started_at or timezone.now())
    work = work_of(run)
    try:
        phases_taken(work)
    except Exception as error:
        work.close()
        run_failed(work, error)
        raise
    wound_up(run)


def work_of(run: Run) -> Work:
    recorder, progress = Recorder(run), Progress(run)
    recorder.on_line = progress.hear
    stop = Stop(run.pk, recorder, progress)
    parsed = script_parsed(run.script_text.encode(), name=run.script_name)
    return Work(run, parsed, recorder, progress, stop, Steps(run, stop))


def phases_taken(work: Work) -> None:
    """Every phase in order that is still due, but the last: the run's row then says how it is ending."""
    if work.steps.is_due(Phase.PARSE):
        work.steps.enter(Phase.PARSE)
        header_held(work)
        work.steps.leave(RunPhase.State.DONE)
    allocated(work)
    if needs_guest(work):
        with way_in(machine_up(work), work.run) as guest:
            left_s = script_done(work, guest)
            if work.run.ending:
                return
            checks_waited_for(work, guest, within_s=left_s)
    snapshot_kept(work)
    published(work)
    Run.objects.filter(pk=work.run.pk).update(ending=Status.SUCCEEDED)


def header_held(work: Work) -> None:
    """The header was accepted when the run was ordered; the host's limits may have changed since."""
    if work.parsed.problems:
        raise DomainError("; ".join(str(problem) for problem in work.parsed.problems), field="script")


def way_in(clone: Clone, run: Run) -> Guest:
    """The best way into the guest, or the one that was asked for, once that answers."""
    if not run.channel_asked:
        return guest_of(clone)
    guest = guest_of(clone, channel=cast(Channel, run.channel_asked))
    guest.wait_ready(timeout_s=CHANNEL_S)
    return guest


def needs_guest(work: Work) -> bool:
    return work.run.exit_code is None or (work.run.exit_code == 0 and work.steps.is_due(Phase.CHECKS))
