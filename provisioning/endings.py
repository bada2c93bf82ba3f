"""How runs end: why is written down first, then the clone is let go, then the run is over.

A server that dies between these steps leaves a run that says how it is ending; the next one goes on there.
"""

import contextlib
import logging
import time

from django.db import transaction
from django.utils import timezone

from clones.machines import clone_removed, clone_started, clone_stopped, guest_of, last_words, unsaid
from clones.models import Clone
from clones.reconcile import clone_reconciled
from clones.services import clone_moved
from clones.specs import record_of
from cowweb.clean import plain_text
from cowweb.errors import ConflictError, DomainError
from cowweb.live import ring
from hosts.drivers.errors import Cancelled, DriverError, TimedOut, Unreachable
from hosts.drivers.records import Ending
from hosts.drivers.run_token import in_words
from hosts.services import local_driver
from provisioning.models import Run, RunPhase
from provisioning.output import Recorder
from provisioning.phases import Steps, run_moved
from provisioning.sealed import Veil, secrets_of
from provisioning.work import Work, clone_now, token_of

logger = logging.getLogger(__name__)
Status = Run.Status
Phase = RunPhase.Name
State = RunPhase.State
Afterwards = Run.Afterwards
INTERRUPTED = "The server stopped while the script ran"
COMMAND = "the command"  # as drivers call what they run
GONE = {
    Ending.RESET: "The guest restarted itself",
    Ending.POWER_OFF: "The guest powered itself off",
    Ending.ENDED: "The machine's process ended",
}
GONE_S = 1.0  # between a machine's last word and its end
BEFORE_MADE = "Its run ended before it was made"
REACH_S = 20.0
SILENT_GRACE_S = 2.0  # for a guest that did not answer when its run was ended
WANTED = (Status.SUCCEEDED, Status.CANCELLED)  # every other end leaves a clone to look at, and to go on with
HOLDS_MACHINE = [Clone.Status.RUNNING, Clone.Status.PAUSED, Clone.Status.STARTING, Clone.Status.STOPPING]


def run_failed(work: Work, error: Exception) -> None:
    """Says where, why and with which last words; then lets go."""
    run, clone = work.run, work.clone
    gone = how_it_went(clone) if isinstance(error, Unreachable) else ""
    if clone.status in (Clone.Status.RUNNING, Clone.Status.PAUSED) and clone_reconciled(clone):
        clone.refresh_from_db()  # its machine had died: what is dead is not shut down
    clone_moved(clone.pk, to=Clone.Status.FAILED, since=[Clone.Status.CREATING], failure=BEFORE_MADE)
    run.refresh_from_db()
    words = gone_in_words(gone, work.steps.current) if gone else sentence(error, work.steps.current)
    detail = clone.failure_detail or last_words(clone) or unsaid(error, words)
    with transaction.atomic():
        phase = work.steps.failed(work.recorder.veil.over(words))
        asked_to_end = run.cancel_asked_at is not None
        ending_written(run, ended_as(error, asked_to_end=asked_to_end), words, detail, phase)
    wound_up(run, guest_silent=isinstance(error, DriverError) and error.guest_silent)


def script_said_no(run: Run, exit_code: int, why: str = "") -> None:
    """The script's own failure, in the transaction that writes its exit status."""
    failure = f"The script ended with exit status {exit_code}{why}"
    ending_written(run, Status.FAILED, failure, last_words(clone_now(run)), Phase.SCRIPT)


def ending_written(run: Run, to: str, failure: str, detail: str, phase: str) -> None:
    """From here on the run can only be let go of, whoever does it."""
    veil = Veil(secrets_of(run.pk))
    Run.objects.filter(pk=run.pk).update(
        ending=to,
        failure=veil.over(failure),
        failure_detail=veil.over(plain_text(detail)),
        failed_phase=phase,
    )
    ring(f"run.{run.pk}")
    run.refresh_from_db()


def wound_up(run: Run, *, guest_silent: bool = False) -> None:
    """Lets go of the clone and ends the run, which a clone that cannot be let go of does not prevent."""
    run.refresh_from_db()
    steps = Steps(run)
    steps.enter(Phase.RELEASE)
    try:
        steps.leave(State.DONE, released(run, guest_silent=guest_silent))
    except Exception as error:
        if not isinstance(error, DomainError | DriverError):
            logger.exception("Run %s could not let go of %s", run.pk, run.clone_name)
        failure = f"{run.clone_name} could not be let go of: {sentence(error, Phase.RELEASE)}"
        steps.leave(State.FAILED, failure)
        if run.ending == Status.SUCCEEDED:
            ending_written(run, Status.FAILED, failure, "", Phase.RELEASE)
    run_moved(run.pk, to=run.ending, ended_at=timezone.now())
    run.refresh_from_db()


def released(run: Run, *, guest_silent: bool) -> str:
    """Keeps, stops or removes the clone as was asked for; says which. A guest that answers nobody is not
    waited for as long as one that shuts down."""
    clone = clone_now(run)
    if run.afterwards == Afterwards.REMOVE and run.ending in WANTED:
        return removed(clone)
    if run.keep_running:
        return kept(run, clone)
    if not clone_moved(clone.pk, to=Clone.Status.STOPPING, since=HOLDS_MACHINE, start_asked=False):
        return machine_word(clone)
    clone_stopped(clone.pk, grace_s=SILENT_GRACE_S if guest_silent else None)
    ended = "the clone did not answer and was switched off" if guest_silent else "the clone was shut down"
    if run.afterwards == Afterwards.REMOVE:
        return f"{ended}, not removed: it can be looked at, and the run retried"
    return ended


def kept(run: Run, clone: Clone) -> str:
    """A clone that was shut down to be published is started again."""
    if clone.status == Clone.Status.RUNNING:
        return "the clone keeps running"
    again = [Clone.Status.STOPPED, Clone.Status.STARTING]
    if not run.publish_as or not clone_moved(
        clone.pk, to=Clone.Status.STARTING, since=again, start_asked=True
    ):
        return machine_word(clone)
    clone_started(clone.pk)
    return "the clone was started again"


def machine_word(clone: Clone) -> str:
    return f"the clone is {clone.get_status_display().lower()}"


def removed(clone: Clone) -> str:
    since = [old for old, moves in Clone.MOVES.items() if Clone.Status.REMOVING in moves]
    if clone.children.live().exists():
        raise ConflictError(f"{clone.name} is the disk below other clones")
    if clone_moved(clone.pk, to=Clone.Status.REMOVING, since=[*since, Clone.Status.REMOVING]):
        clone_removed(clone.pk)
    return "the clone was removed"


def ended_as(error: Exception, *, asked_to_end: bool) -> str:
    if isinstance(error, Cancelled) or (asked_to_end and isinstance(error, ConflictError | DriverError)):
        return Status.CANCELLED
    return Status.TIMED_OUT if isinstance(error, TimedOut) else Status.FAILED


def how_it_went(clone: Clone) -> str:
    """How the machine came to its end, where that is why its guest cannot be reached; empty while it runs."""
    if clone.record is None:
        return ""
    give_up_at = time.monotonic() + GONE_S
    while local_driver().alive(record_of(clone)):
        if time.monotonic() > give_up_at:
            return ""
        time.sleep(GONE_S / 20)
    return GONE[local_driver().ending(clone.folder)]


def gone_in_words(gone: str, phase: str) -> str:
    return f"{gone} while the script ran" if phase == Phase.SCRIPT else f"{gone} before the run was over"


def sentence(error: Exception, phase: str) -> str:
    """For people: our own errors as they stand, anything else with its kind."""
    if not isinstance(error, DomainError | DriverError):
        return f"{type(error).__name__}: {error}"
    words = str(error)
    if phase == Phase.SCRIPT and words.startswith(COMMAND):
        return f"The script{words.removeprefix(COMMAND)}"
    return words


def interrupted(run: Run) -> None:
    """Ends a run whose server died while its script ran: honestly, with the script's processes ended."""
    clone = clone_now(run)
    if clone.status == Clone.Status.RUNNING and clone_reconciled(clone):
        clone.refresh_from_db()
    left = script_ended(run, clone)
    failure = f"{INTERRUPTED}; {left if isinstance(left, str) else in_words(left)}"
    Recorder(run).note(failure)
    with transaction.atomic():
        phases = RunPhase.objects.filter(run=run, state=State.RUNNING)
        phases.update(state=State.FAILED, note="the server stopped")
        ending_written(
            run, Status.INTERRUPTED, failure, clone.failure_detail or last_words(clone), Phase.SCRIPT
        )
    wound_up(run, guest_silent=left is None)


def script_ended(run: Run, clone: Clone) -> int | str | None:
    """Ends what the script of a dead server left running in its guest: how many processes are left, None
    where the guest does not say; a word where there is no guest."""
    if clone.status != Clone.Status.RUNNING:
        return f"its machine is {clone.status}"
    left = None
    with contextlib.suppress(DriverError), guest_of(clone) as guest:
        guest.wait_ready(timeout_s=REACH_S)
        left = guest.end_run(token_of(run))
    return left
