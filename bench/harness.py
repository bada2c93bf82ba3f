"""Measuring several ways of doing one thing, fairly: interleaved in one process, in a new order every round.

A machine shared with others drifts; what is compared must have been measured in the same minutes. So the
figures to trust are the ratios. The first case is what the others are compared with.

Example::

    copy = Case("full copy", lambda: copy_disk(new_name()), after=remove_copies)
    layer = Case("overlay", lambda: overlay_create(new_name(), backing=base), after=remove_copies)
    comparison = compare("one disk", [copy, layer], rounds=30)
    comparison.lines[1].ratio      # how many times faster the overlay's median is
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import median


def nothing() -> None:
    """For a case that leaves nothing to clear away."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way to do it. `run` is timed; `after` clears away, untimed; `note` is asked once, at the end."""

    name: str
    run: Callable[[], object]
    after: Callable[[], object] = nothing
    note: Callable[[], str] = str
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """What one case came to; times in milliseconds, counted from the moment all were asked for."""

    name: str
    count: int
    p50_ms: float
    p95_ms: float
    least_ms: float
    ratio: float
    note: str


@dataclass(frozen=True, slots=True)
class Reach:
    """A figure that was to be reached, and what it came to here."""

    what: str
    value: float
    bound: float
    at_least: bool = True
    unit: str = "x"
    note: str = ""

    @property
    def reached(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass(frozen=True, slots=True)
class Comparison:
    title: str
    lines: Sequence[Line] = field(default_factory=tuple)
    reaches: Sequence[Reach] = field(default_factory=tuple)

    def p50_ms(self, name: str) -> float:
        return next(line.p50_ms for line in self.lines if line.name == name)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller may choose; 0 or None for each benchmark's own number."""

    rounds: int | None = None
    debian: bool = True
    live: int = 0
    sockets: int = 0


def measured(
    title: str, samples: Mapping[str, Sequence[float]], notes: Mapping[str, str] | None = None
) -> Comparison:
    """A comparison of times that were taken elsewhere; the first is what the others are compared with."""
    first = median(next(iter(samples.values())))
    lines = [line(name, times, first, (notes or {}).get(name, "")) for name, times in samples.items()]
    return Comparison(title, lines)


def compare(title: str, cases: Sequence[Case], *, rounds: int) -> Comparison:
    """Runs every case once unmeasured, then `rounds` times each, in a new order every round."""
    samples: dict[str, list[float]] = {case.name: [] for case in cases}
    for number in range(rounds + 1):
        for case in random.sample(cases, len(cases)):
            taken = batch_ms(case)
            case.after()
            if number:
                samples[case.name] += taken
    notes = {case.name: case.note() for case in cases}
    return measured(title, {case.name: samples[case.name] for case in cases}, notes)


def batch_ms(case: Case) -> list[float]:
    """Runs the case as often at once as it says; for each, the time from the common start to its end."""
    if case.at_once == 1:
        return [done_ms(case.run, time.perf_counter_ns())]
    with ThreadPoolExecutor(case.at_once) as pool:
        list(pool.map(time.sleep, [0.001] * case.at_once))  # the threads are there before the clock runs
        ask = partial(done_ms, case.run, time.perf_counter_ns())
        asked = [pool.submit(ask) for _ in range(case.at_once)]
        return [answer.result() for answer in asked]


def done_ms(run: Callable[[], object], started_ns: int) -> float:
    run()
    return (time.perf_counter_ns() - started_ns) / 1e6


def line(name: str, samples: Sequence[float], first_ms: float, note: str) -> Line:
    middle = median(samples)
    return Line(
        name=name,
        count=len(samples),
        p50_ms=middle,
        p95_ms=percentile(samples, 95),
        least_ms=min(samples),
        ratio=first_ms / middle if middle else 0.0,
        note=note,
    )


def percentile(samples: Sequence[float], percent: int) -> float:
    """The smallest sample that at least `percent` of all do not exceed."""
    ranked = sorted(samples)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
