"""A run's phases: entered one after the other, each with its time, and the run's own status.

Phases that an earlier server, or an earlier attempt, has finished stay as they are.

Example::

    steps = Steps(run)
    with steps.phase("runtime") as phase:
        phase.note = "REXX is there already"
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from cowweb.live import ring
from hosts.drivers.base import CancelSignal
from hosts.drivers.errors import Cancelled
from provisioning.models import Run, RunInput, RunPhase
from provisioning.sealed import secrets_forgotten

State = RunPhase.State
NOTE_CHARACTERS = 300
FINISHED = (State.DONE, State.SKIPPED)


@dataclass
class Underway:
    """The phase being worked on; its note is shown beside its time."""

    name: str
    note: str = ""
    is_skipped: bool = False

    def skip(self, why: str) -> None:
        self.is_skipped, self.note = True, why


class Steps:
    """Writes a run's phases as they happen. No phase begins once `stop` is set: Cancelled."""

    def __init__(self, run: Run, stop: CancelSignal | None = None) -> None:
        self.run_id, self.stop = run.pk, stop
        self.states = dict(run.phases.values_list("name", "state"))
        self.current = ""
        self.entered_at = 0.0

    def has(self, name: str) -> bool:
        """Whether this run takes that step at all."""
        return name in self.states

    def is_due(self, name: str) -> bool:
        """Whether it is among the run's steps and was not finished before."""
        return self.has(name) and self.states[name] not in FINISHED

    def failed(self, why: str) -> str:
        """Ends the phase under way as failed, or the one that was next; its name."""
        due = (name for name, state in self.states.items() if state not in FINISHED)
        name = self.current or next(due, "")
        if self.current:
            self.leave(State.FAILED, why)
        elif name:
            self.write(name, state=State.FAILED, note=why[:NOTE_CHARACTERS])
        return name

    def enter(self, name: str) -> None:
        """Begins a phase; the one before it is done."""
        if self.current:
            self.leave(State.DONE)
        self.current, self.entered_at = name, time.perf_counter()
        self.write(name, state=State.RUNNING, started_at=timezone.now(), note="", ms=None)
        if self.stop and self.stop.is_set():
            raise Cancelled("Cancelled before this phase did anything")

    def leave(self, state: str, note: str = "") -> None:
        """Ends the current phase."""
        ms = round((time.perf_counter() - self.entered_at) * 1000, 2)
        self.write(self.current, state=state, ms=ms, note=note[:NOTE_CHARACTERS])
        self.current = ""

    def passed(self, name: str, note: str) -> None:
        """What needs no doing: it was found done."""
        self.write(name, state=State.DONE, note=note[:NOTE_CHARACTERS])

    def say(self, note: str) -> None:
        """A word beside the current phase while it goes on."""
        self.write(self.current, note=note[:NOTE_CHARACTERS])

    @contextmanager
    def phase(self, name: str) -> Iterator[Underway]:
        self.enter(name)
        underway = Underway(name)
        yield underway
        self.leave(State.SKIPPED if underway.is_skipped else State.DONE, underway.note)

    def write(self, name: str, **fields: object) -> None:
        if "state" in fields and name in self.states:
            self.states[name] = str(fields["state"])
        with transaction.atomic():
            RunPhase.objects.filter(run_id=self.run_id, name=name).update(**fields)
            ring(f"run.{self.run_id}", "runs")


def run_moved(run_id: int, *, to: str, **fields: object) -> bool:
    """The one door for a run's status: an ended run stays as it ended, without secrets."""
    with transaction.atomic():
        moved = Run.objects.unfinished().filter(pk=run_id).update(status=to, **fields)
        if to in Run.ENDED:
            secrets_forgotten(run_id)
            RunInput.objects.filter(run_id=run_id).delete()
        if moved:
            ring(f"run.{run_id}", f"run.{run_id}.log", "runs")
    return bool(moved)
