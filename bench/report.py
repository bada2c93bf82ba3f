"""Comparisons as a table for people or as JSON for a program."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict

from bench.harness import Comparison, Line, Reach
from hosts.drivers.process import run

HEAD = ("", "n", "p50 ms", "p95 ms", "least ms", "ratio", "")


def table(comparison: Comparison) -> str:
    rows = [HEAD, *(cells(line) for line in comparison.lines)] if comparison.lines else []
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(len(HEAD))]
    lines = [comparison.title, *("  " + aligned(row, widths) for row in rows)]
    return "\n".join([*lines, *("  -> " + words(reach) for reach in comparison.reaches)])


def words(reach: Reach) -> str:
    sign = ">=" if reach.at_least else "<="
    verdict = "reached" if reach.reached else "BELOW ITS REACH"
    note = f"  ({reach.note})" if reach.note else ""
    return f"{reach.what}: {reach.value:.3g} {reach.unit}, wanted {sign} {reach.bound:g}: {verdict}{note}"


def closing(comparisons: Iterable[Comparison]) -> str:
    """Everything that had a reach, in one table."""
    reaches = [reach for comparison in comparisons for reach in comparison.reaches]
    if not reaches:
        return ""
    rows = [
        (
            reach.what,
            f"{reach.value:.3g} {reach.unit}",
            f"{'>=' if reach.at_least else '<='} {reach.bound:g}",
            "reached" if reach.reached else "below",
            reach.note,
        )
        for reach in reaches
    ]
    rows.insert(0, ("", "measured", "wanted", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    done = sum(reach.reached for reach in reaches)
    return "\n".join([f"{done} of {len(reaches)} reached", *("  " + aligned(row, widths) for row in rows)])


def cells(line: Line) -> tuple[str, ...]:
    times = (f"{ms:.2f}" for ms in (line.p50_ms, line.p95_ms, line.least_ms))
    return (line.name, str(line.count), *times, f"{line.ratio:.3g} x", line.note)


def aligned(row: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    name, *numbers, note = row
    right = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False))
    return "  ".join([name.ljust(widths[0]), *right, note]).rstrip()


def as_json(comparisons: Iterable[Comparison]) -> str:
    return json.dumps({"machine": machine(), "comparisons": [asdict(one) for one in comparisons]}, indent=2)


def machine() -> str:
    """What the figures were taken on, in one line."""
    qemu = run(["qemu-img", "--version"], timeout_s=10).stdout.decode().splitlines()[0]
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs, load {load:.1f}, Python {platform.python_version()}, {qemu}"
