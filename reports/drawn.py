"""Geometry of the reports: columns of days, bars of holders. Numbers in, numbers out."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from reports.tables import Table

MOST_COLOURS = 6
OTHERS = "others"
NO_TEAM = "no team"
HEIGHT = 160.0
GAP = 0.2  # of a day's width
PERCENT = 100.0


class Hours(NamedTuple):
    """Hours of one day that one team or base had."""

    day: date
    of: str
    hours: float


def columns(found: Sequence[Hours], *, until: date, days: int) -> dict[str, Any]:
    """A column for each day, a part in it for each of the largest, the rest together."""
    sums: dict[str, float] = defaultdict(float)
    for one in found:
        sums[one.of] += one.hours
    order = sorted(sums, key=lambda name: (-sums[name], name))
    colours = {name: min(at, MOST_COLOURS) for at, name in enumerate(order)}
    by_day: dict[date, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for one in found:
        by_day[one.day][colours[one.of]] += one.hours
    highest = max((sum(parts.values()) for parts in by_day.values()), default=0) or 1.0
    every = [until - timedelta(days=days - 1 - at) for at in range(days)]
    legend = [{"name": n, "colour": at, "hours": sums[n]} for at, n in enumerate(order[:MOST_COLOURS])]
    if rest := sum(sums[name] for name in order[MOST_COLOURS:]):
        legend.append({"name": OTHERS, "colour": MOST_COLOURS, "hours": rest})
    return {
        "days": [column(day, by_day.get(day, {}), at, days, highest) for at, day in enumerate(every)],
        "legend": legend,
        "highest": highest,
        "total": sum(sums.values()),
        "first": every[0],
        "last": every[-1],
    }


def column(day: date, parts: dict[int, float], at: int, days: int, highest: float) -> dict[str, Any]:
    """The parts of one day, from the ground up."""
    width = PERCENT / days
    drawn, ground = [], HEIGHT
    for colour in sorted(parts):
        height = HEIGHT * parts[colour] / highest
        ground -= height
        drawn.append({"colour": colour, "y": f"{ground:.2f}", "height": f"{height:.2f}"})
    return {
        "day": day,
        "hours": sum(parts.values()),
        "x": f"{at * width + width * GAP / 2:.3f}",
        "width": f"{width * (1 - GAP):.3f}",
        "parts": drawn,
    }


def drawn_hours(table: Table, *, until: date, days: int) -> list[dict[str, Any]]:
    """The table of hours, drawn by team and by base."""
    by_team = [Hours(day, team or NO_TEAM, spent) for day, team, _, spent in table.rows]
    by_base = [Hours(day, base, spent) for day, _, base, spent in table.rows]
    return [
        {"title": "By team", **columns(by_team, until=until, days=days)},
        {"title": "By base", **columns(by_base, until=until, days=days)},
    ]
