"""What can be done with a run that goes on, or that ended badly: cancel, retry, keep its clone.

Example::

    run_cancel(run=run, actor=actor, afterwards="remove")
    run_retry(run=run, actor=actor)                 # from the phase that failed
    run_retry(run=run, phase="runtime", actor=actor)
    run_keep(run=run, actor=actor)                  # the clone stays, for a look
"""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.services import Actor, operation
from clones.admission import admitted
from clones.models import Clone
from clones.services import Asked, clone_moved, clone_start
from cowweb.errors import ConflictError, DomainError
from cowweb.live import ring
from hosts.jobs import enqueue
from people import rights
from provisioning.models import Run, RunPhase
from provisioning.output import Recorder
from provisioning.parameters import values_of
from provisioning.sealed import secrets_sealed
from provisioning.services import RUN, Ordered, script_parsed
from provisioning.usage import minutes_checked
from provisioning.work import clone_now

Status = Run.Status
State = RunPhase.State
Name = RunPhase.Name
STANDS_STILL = [Clone.Status.STOPPED, Clone.Status.FAILED]
FRESH: dict[str, object] = {
    "failure": "",
    "failure_detail": "",
    "note": "",
    "start_asked": True,
    "saved_at": None,
}
AS_QUEUED: dict[str, object] = {
    "ending": "",
    "failure": "",
    "failure_detail": "",
    "failed_phase": "",
    "cancel_asked_at": None,
    "started_at": None,
    "ended_at": None,
}


def run_cancel(*, run: Run, actor: Actor, afterwards: str = "") -> Run:
    """Asks a run to end: the script's processes are ended in the guest, the clone is let go of as was
    chosen for the run, or as is chosen now."""
    with operation(actor, "cancel", target=f"run:{run.pk}", params={"after": afterwards}):
        rights.require(actor, rights.OWN if afterwards == Run.Afterwards.REMOVE else rights.USE, run)
        with transaction.atomic():
            asked = Run.objects.unfinished().filter(pk=run.pk)
            wishes = {"afterwards": afterwards} if afterwards else {}
            if not asked.update(cancel_asked_at=timezone.now(), **wishes):
                run.refresh_from_db()
                raise ConflictError(f"Run {run.pk} has ended already: {run.get_status_display().lower()}")
            ring(f"run.{run.pk}", "runs")
        run.refresh_from_db()
        return run


def run_retry(
    *,
    run: Run,
    actor: Actor,
    phase: str = "",
    secrets: Mapping[str, str] | None = None,
    timeout_s: int | None = None,
) -> Ordered:
    """Goes on with a run that ended badly, from the phase that failed or an earlier one, on its own clone.

    What was finished before that phase stays done; only a machine that is off is started again. Secrets were
    deleted when the run ended: where the script is to run again, they are to be given again. `timeout_s` is
    another limit of its time than it had.
    """
    params = {"phase": phase, "secrets": sorted(secrets or {}), "timeout_s": timeout_s}
    with operation(actor, "retry", target=f"run:{run.pk}", params=params) as op:
        rights.require(actor, rights.USE, run)
        first = phase_to_retry(run, phase)
        again = secrets_again(run, secrets or {}) if runs_script(run, first) else {}
        with transaction.atomic():
            requeued(run, first)
            limited(run, timeout_s)
            secrets_sealed(run, again)
            job = enqueue(RUN, run.pk, entry=op.entry)
        op.goes_on()
        return Ordered(run, job)


def phase_to_retry(run: Run, asked: str) -> RunPhase:
    """The phase to begin with; refused where that would skip one that was not finished."""
    phases = list(run.phases.all())
    failed = next((p for p in phases if p.name == run.failed_phase), None)
    failed = failed or next((p for p in phases if p.state not in (State.DONE, State.SKIPPED)), phases[-1])
    if not asked:
        return failed
    possible = [p for p in phases if p.position <= failed.position]
    chosen = next((p for p in possible if p.name == asked), None)
    if chosen is None:
        names = ", ".join(p.name for p in possible)
        raise DomainError(f"Run {run.pk} cannot be retried from {asked!r}: choose {names}", field="phase")
    return chosen


def limited(run: Run, timeout_s: int | None) -> None:
    """Another limit than the script says is shown as one."""
    if timeout_s is None:
        return
    said = script_parsed(run.script_text.encode()).header.timeout_s
    changed = {"timeout": [said, timeout_s]} if said != timeout_s else {}
    others = {key: values for key, values in run.overrides.items() if key != "timeout"}
    run.timeout_s, run.overrides = timeout_s, {**others, **changed}
    run.save(update_fields=["timeout_s", "overrides"])


def runs_script(run: Run, first: RunPhase) -> bool:
    """Whether the script runs again when the run goes on from this phase."""
    return first.position <= run.phases.get(name=Name.SCRIPT).position


def secrets_again(run: Run, given: Mapping[str, str]) -> dict[str, str]:
    """The run's secrets, as they are given now; refused where one is missing."""
    wanted = secret_names(run)
    declared = [param for param in script_parsed(run.script_text.encode()).header.params if param.is_secret]
    missing = [name for name in wanted if not given.get(name)]
    if missing:
        raise DomainError(
            f"parameters: the script would run again, and {', '.join(missing)} was deleted when run {run.pk} "
            "ended: give it again",
            field="parameters",
        )
    read = values_of(declared, {name: given[name] for name in wanted}) if wanted else ()
    return {value.name: value.text for value in read}


def secret_names(run: Run) -> list[str]:
    return [one["name"] for one in run.parameters if one["kind"] == "secret"]


def requeued(run: Run, first: RunPhase) -> None:
    """The run is queued again, its later phases are open, its machine is asked for: all or nothing."""
    script_again = runs_script(run, first)
    before = f"{run.get_status_display()}: {run.failure}"
    spent_s = F("spent_s") + (run.elapsed_ms or 0) / 1000
    changes = {**AS_QUEUED, "status": Status.QUEUED, "attempt": F("attempt") + 1, "spent_s": spent_s}
    if script_again:
        changes |= {"exit_code": None, "progress_percent": None, "progress_item": "", "progress_message": ""}
    if not Run.objects.retryable().filter(pk=run.pk).update(**changes):
        run.refresh_from_db()
        word = run.get_status_display().lower()
        raise ConflictError(
            f"Run {run.pk} is {word}; only a run that ended badly can be retried", field="run"
        )
    later = run.phases.filter(position__gte=first.position)
    later.update(state=State.PENDING, note="", ms=None, started_at=None)
    if script_again or run.phases.filter(name=Name.CHECKS, state=State.PENDING).exists():
        machine_wanted(run)
    minutes_checked(run)
    run.refresh_from_db()
    note = f"Attempt {run.attempt}: goes on from {first.get_name_display()}. Before: {before}"
    Recorder(run).note(note)
    ring(f"run.{run.pk}", f"run.{run.pk}.log", "runs")


def machine_wanted(run: Run) -> None:
    """A clone that stands still is to be started, one that was never made is to be made."""
    clone = clone_now(run)
    if clone.status == Clone.Status.RUNNING:
        return
    to = Clone.Status.STARTING if clone.disk.exists() else Clone.Status.CREATING
    if not clone_moved(clone.pk, to=to, since=STANDS_STILL, **FRESH):
        raise ConflictError(
            f"{clone.name} is {clone.status}; a run goes on with a clone that is running, stopped or failed",
            field="run",
        )
    admitted([clone_now(run)], new=False)


def run_keep(*, run: Run, actor: Actor) -> Asked | None:
    """Keeps the run's clone: it stays running after the run, or is started again for a look at it."""
    with operation(actor, "keep", target=f"run:{run.pk}"):
        rights.require(actor, rights.USE, run)
        clone = run.clone
        if clone is None or clone.status in (Clone.Status.REMOVING, *Clone.GONE):
            raise ConflictError(f"The clone of run {run.pk} was removed", field="run")
        Run.objects.filter(pk=run.pk).update(afterwards=Run.Afterwards.KEEP)
        ring(f"run.{run.pk}")
        if not run.has_ended or clone.status not in STANDS_STILL or not clone.disk.exists():
            return None
        return clone_start(clone=clone, actor=actor)
