"""The phase of the checks: each is waited for in turn, and what was found last is shown beside it."""

import time
from dataclasses import asdict, dataclass

from clones.models import Clone
from hosts.drivers.base import Guest
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import TimedOut, Unreachable
from provisioning.checks import looked_at
from provisioning.header import Check
from provisioning.models import Run, RunPhase
from provisioning.work import Work

Phase = RunPhase.Name
State = RunPhase.State
INTERVAL_S = 0.2
FOUND_CHARACTERS = 200


@dataclass
class Row:
    """One check on the run's page."""

    check: str
    state: str = State.PENDING
    ms: float | None = None
    found: str = ""


def checks_waited_for(work: Work, guest: Guest, *, within_s: float) -> None:
    """Returns when all have passed; TimedOut when the run's time is over before."""
    if not work.steps.is_due(Phase.CHECKS):
        return
    with work.steps.phase(Phase.CHECKS) as phase:
        checks = work.parsed.header.checks
        rows = [Row(str(check)) for check in checks]
        watch = Deadline(within_s, work.stop, what="waiting for the checks")
        clone = work.clone
        for check, row in zip(checks, rows, strict=True):
            waited_for(check, row, watch, looks=Looks(work, clone, guest, rows))
        phase.note = f"{len(rows)} passed"


@dataclass
class Looks:
    """Looks at checks, and writes what came of it."""

    work: Work
    clone: Clone
    guest: Guest
    rows: list[Row]

    def look(self, check: Check) -> str:
        """A guest that is away for a moment, as while it restarts what is looked at, is waited for too."""
        try:
            found = looked_at(check, self.clone, self.guest, cancel=self.work.stop)
            return self.work.recorder.veil.over(found)  # a command may print what the script left
        except Unreachable:
            if self.work.clone.status != Clone.Status.RUNNING:
                raise
            return "the guest does not answer"

    def write(self) -> None:
        Run.objects.filter(pk=self.work.run.pk).update(checks=[asdict(row) for row in self.rows])
        self.work.steps.say(f"{sum(row.state == State.DONE for row in self.rows)} of {len(self.rows)} passed")


def waited_for(check: Check, row: Row, watch: Deadline, *, looks: Looks) -> None:
    start = time.monotonic()
    row.state = State.RUNNING
    looks.write()
    while found := looks.look(check)[:FOUND_CHARACTERS]:
        if found != row.found:
            row.found = found
            looks.write()
        try:
            watch.pause(INTERVAL_S)
            watch.check()
        except TimedOut:
            row.state, row.ms = State.FAILED, since_ms(start)
            looks.write()
            limit = looks.work.run.timeout_s
            raise TimedOut(
                f"The check {check} did not pass within the run's {limit} s: {row.found}"
            ) from None
    row.state, row.ms, row.found = State.DONE, since_ms(start), ""
    looks.write()


def since_ms(start: float) -> float:
    return round((time.monotonic() - start) * 1000, 1)
