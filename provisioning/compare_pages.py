"""What two runs have in common, and what not: text, machine, parameters, times, output."""

from dataclasses import dataclass
from typing import Any

from audit.services import Actor
from cowweb import wording
from cowweb.errors import NotFoundError
from provisioning.difference import compared
from provisioning.machine_asked import rows_used
from provisioning.models import Run, RunPhase
from provisioning.services import run_named

CHOICES = 50


@dataclass(frozen=True, slots=True)
class Pair:
    """One fact of both runs."""

    label: str
    a: str
    b: str

    @property
    def differs(self) -> bool:
        return self.a != self.b


@dataclass(frozen=True, slots=True)
class Times:
    """How long a phase took in each, with bars drawn to one scale."""

    name: str
    label: str
    a_ms: float | None
    b_ms: float | None
    longest: float

    @property
    def a_share(self) -> float:
        return round(100 * (self.a_ms or 0) / self.longest, 2)

    @property
    def b_share(self) -> float:
        return round(100 * (self.b_ms or 0) / self.longest, 2)

    @property
    def ratio(self) -> str:
        """How many times A's time B took, in a few figures."""
        times = self.b_ms / self.a_ms if self.a_ms and self.b_ms else 0
        return f"{times:,.{0 if times >= 10 else 1 if times >= 1 else 2}f}" if times else ""


def compare_context(actor: Actor, a: str, b: str) -> dict[str, Any]:
    """Run `b` beside run `a`; without an `a`, beside the run of the same script before it."""
    second = run_of(b, actor)
    first = run_of(a, actor) if a else run_before(second, actor)
    return {
        "a": first,
        "b": second,
        "choices": choices(first, second, actor),
        "facts": facts(first, second),
        "times": times(first, second),
        "difference": compared(first.script_text, second.script_text),
        "logs": [{"run": run, "log_path": f"/ws/runs/{run.pk}/log/"} for run in (first, second)],
    }


def choices(first: Run, second: Run, actor: Actor) -> list[Run]:
    """The newest runs, and these two however old they are."""
    newest = list(Run.objects.visible_to(actor.user).for_list()[:CHOICES])
    older = {run.pk: run for run in (first, second) if run not in newest}
    return [*newest, *sorted(older.values(), key=lambda run: -run.pk)]


def run_of(number: str, actor: Actor) -> Run:
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise NotFoundError("Name two runs by their numbers", field="run")
    return run_named(int(number), actor)


def run_before(run: Run, actor: Actor) -> Run:
    """The newest earlier run of the same script; the run itself when it was the first."""
    earlier = Run.objects.visible_to(actor.user).for_list().filter(pk__lt=run.pk, script_name=run.script_name)
    return earlier.first() or run


def facts(first: Run, second: Run) -> list[Pair]:
    """The machine, the parameters and the end; a parameter of only one run is empty in the other."""
    one, other = facts_of(first), facts_of(second)
    return [
        Pair(label, one.get(label, wording.UNKNOWN), other.get(label, wording.UNKNOWN))
        for label in {**one, **other}
    ]


def facts_of(run: Run) -> dict[str, str]:
    machine = {row.label: row.used for row in rows_used(run)}
    if run.revision_name:
        machine |= {"Base": run.revision_name}
    given = {each["name"]: said(each) for each in run.parameters}
    ended = {
        "State": run.get_status_display(),
        "Exit status": wording.UNKNOWN if run.exit_code is None else str(run.exit_code),
        "Lines": f"{run.line_count:,}",
    }
    return {**machine, **given, **ended}


def said(parameter: dict[str, Any]) -> str:
    return "secret" if parameter["kind"] == "secret" else parameter["value"] or "(empty)"


def times(first: Run, second: Run) -> list[Times]:
    one = {phase.name: phase.ms for phase in first.phases.all()}
    other = {phase.name: phase.ms for phase in second.phases.all()}
    longest = max([ms for ms in [*one.values(), *other.values()] if ms], default=1.0)
    labels = dict(RunPhase.Name.choices)
    return [
        Times(name, labels.get(name, name), one.get(name), other.get(name), longest)
        for name in {**one, **other}
        if one.get(name) is not None or other.get(name) is not None
    ]
