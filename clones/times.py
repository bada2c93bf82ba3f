"""How long clones took from the request to an answer, by base and by the way they came.

Example::

    times_of(Clone.objects.visible_to(user))["ways"]    # each way's median, and where its time went
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from clones.models import Clone
from clones.querysets import CloneQuerySet
from cowweb.plotting import median, strips

LAST = 200
STRIPS = 8
PHASES = ("moment", "disk", "start", "identity", "ready")
QUICKEST_FIRST = (Clone.Way.SPARE, Clone.Way.MEMORY, Clone.Way.LIVE, Clone.Way.COLD)
WORTH_SAYING = 1.5


@dataclass(frozen=True, slots=True)
class Timed:
    """One clone's milliseconds. No name: these are shown to people who may not see the clone."""

    base: str
    way: str
    phases: tuple[float, ...]

    @property
    def total_ms(self) -> float:
        return sum(self.phases)


def times_of(clones: CloneQuerySet, *, last: int = LAST) -> dict[str, Any]:
    """The last clones that became ready: each way's median, and a strip for every base and way.

    A clone that is back from its own saved memory is no new one, and not among them.
    """
    found = timed(clones, last)
    every = rows(found)
    shown = rows_shown(every)
    return {
        "count": len(found),
        "ways": ways(found),
        "more": len(every) - len(shown),
        **strips(shown),
    }


def rows_shown(every: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of which there are most, in their order."""
    most = sorted(range(len(every)), key=lambda at: -len(every[at]["times"]))[:STRIPS]
    return [every[at] for at in sorted(most)]


def timed(clones: CloneQuerySet, last: int) -> list[Timed]:
    values = clones.filter(ready_ms__isnull=False, way__in=QUICKEST_FIRST).order_by("-pk")
    columns = values.values_list("revision__base__name", "way", *(f"{phase}_ms" for phase in PHASES))
    return [Timed(base, way, phases_of(way, spent)) for base, way, *spent in columns[:last]]


def phases_of(way: str, spent: list[float | None]) -> tuple[float, ...]:
    """A clone that was started again by a boot has no phases of the way it first came by."""
    known = dict(zip(PHASES, spent, strict=True))
    if way == Clone.Way.COLD:
        known["identity"] = None
    if way != Clone.Way.LIVE:
        known["moment"] = None
    return tuple(ms or 0.0 for ms in known.values())


def ways(found: list[Timed]) -> list[dict[str, Any]]:
    """Each way with its median, where it went, and how much quicker than a boot that is."""
    by_way: dict[str, list[Timed]] = defaultdict(list)
    for clone in found:
        by_way[clone.way].append(clone)
    boot = median([clone.total_ms for clone in by_way[Clone.Way.COLD]])
    return [way(name, by_way[name], boot) for name in QUICKEST_FIRST if by_way[name]]


def way(name: Clone.Way, found: list[Timed], boot_ms: float | None) -> dict[str, Any]:
    middle = median([clone.total_ms for clone in found]) or 0
    times = boot_ms / middle if boot_ms and middle else 0
    spent = {phase: median([clone.phases[at] for clone in found]) for at, phase in enumerate(PHASES)}
    return {
        "way": name.value,
        "label": name.label,
        "median_ms": middle,
        "count": len(found),
        "quicker": times if times >= WORTH_SAYING else None,
        "phases": [{"name": phase, "ms": ms} for phase, ms in spent.items() if ms],
    }


def rows(found: list[Timed]) -> list[dict[str, Any]]:
    """A row for every base and way that occurs, bases by name, the quickest way first."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for clone in found:
        times[clone.base, clone.way].append(clone.total_ms)
    order = {way.value: at for at, way in enumerate(QUICKEST_FIRST)}
    return [
        {"base": base, "way": name, "label": Clone.Way(name).label, "times": times[base, name]}
        for base, name in sorted(times, key=lambda key: (key[0], order[key[1]]))
    ]
