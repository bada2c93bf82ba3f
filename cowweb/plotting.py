"""Geometry of the larger drawings: times on a logarithmic scale, and the places of a pool.

Numbers in, numbers out, as in `cowweb.drawing`. Ways of cloning differ a hundredfold, so only a scale of
powers of ten shows a spare and a boot side by side.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cowweb.wording import SECOND_MS

MOST_SLOTS = 32
MARGIN = 2.0  # per cent at either end, so that no dot is cut
AROUND = 0.15  # powers of ten left free on either side
LEAST_SPAN = 1.0
TICKS_MS = [10**power for power in range(8)]


@dataclass(frozen=True, slots=True)
class Scale:
    """From milliseconds to per cent of the width."""

    low: float
    high: float

    def x(self, ms: float) -> float:
        share = (math.log10(max(ms, 0.001)) - self.low) / (self.high - self.low)
        return round(MARGIN + min(max(share, 0), 1) * (100 - 2 * MARGIN), 2)


def scale_of(times: Sequence[float]) -> Scale:
    """From a little below the quickest to a little above the slowest, a power of ten at least."""
    known = [ms for ms in times if ms > 0] or [1.0]
    low, high = math.log10(min(known)) - AROUND, math.log10(max(known)) + AROUND
    missing = max(LEAST_SPAN - (high - low), 0) / 2
    return Scale(low - missing, high + missing)


def median(times: Sequence[float]) -> float | None:
    """The middle one; of an even number the mean of both."""
    ordered = sorted(times)
    middle = len(ordered) // 2
    if not ordered:
        return None
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def strips(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A strip for each row: a dot for every one of its `times`, a line at their median, one scale for all."""
    found = list(rows)
    scale = scale_of([ms for row in found for ms in row["times"]])
    ticks = [ms for ms in TICKS_MS if scale.low <= math.log10(ms) <= scale.high]
    return {
        "rows": [strip(row, scale) for row in found],
        "ticks": [{"x": scale.x(ms), "label": tick_label(ms)} for ms in ticks],
    }


def tick_label(ms: int) -> str:
    return f"{ms} ms" if ms < SECOND_MS else f"{ms // SECOND_MS} s"


def strip(row: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
    middle = median(row["times"]) or 0
    dots = [{"x": scale.x(ms), "ms": ms} for ms in row["times"]]
    return {**row, "dots": dots, "median_ms": middle, "median_x": scale.x(middle)}


def slots(ready: int, filling: int, minimum: int) -> dict[str, Any]:
    """The places of a pool: those that wait, those being filled, those still missing."""
    states = ["ready"] * ready + ["filling"] * filling
    states += ["wanted"] * (minimum - len(states))
    drawn = states[:MOST_SLOTS]
    return {
        "slots": [{"state": state, "x": 22 * at} for at, state in enumerate(drawn)],
        "more": len(states) - len(drawn),
        "width": max(22 * len(drawn) - 4, 1),
    }
