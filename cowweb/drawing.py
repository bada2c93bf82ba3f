"""Geometry of the small drawings: phase bars, stacked sheets, distributions. Numbers in, numbers out;
the templates in templates/parts/ draw them. Widths are percentages in SVG attributes, because the page's
content security policy forbids inline styles.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cowweb.wording import duration

SMALLEST_SEGMENT = 1.2  # per cent: a 1 ms phase of a 20 s run must still be seen
SHEET_WIDTH, SHEET_SKEW, SHEET_DEPTH, SHEET_PITCH = 148, 44, 26, 44
MIB = 1024 * 1024
DEEPEST = 8
NEW_LAYER = 196_616  # bytes of a qcow2 overlay before the guest writes


@dataclass(frozen=True, slots=True)
class Segment:
    """One phase of a bar."""

    name: str
    label: str
    state: str
    ms: float | None
    x: float
    width: float

    @property
    def words(self) -> str:
        return self.state if self.ms is None else duration(self.ms)


def attribute(thing: object, name: str) -> Any:
    """A fact of a model or of a dict."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def label_of(phase: object) -> str:
    """Its own label, the model's display name, or its name."""
    display = getattr(phase, "get_name_display", None)
    name = display() if callable(display) else str(attribute(phase, "name"))
    return str(attribute(phase, "label") or name.replace("_", " "))


def segments(phases: Iterable[object]) -> list[Segment]:
    """Phases side by side, in proportion to their time; one under way takes a third of what is known."""
    found = list(phases)
    known = sum(float(attribute(phase, "ms") or 0) for phase in found)
    weights = [weight_of(phase, known) for phase in found]
    widths = shares(weights)
    result, x = [], 0.0
    for phase, width in zip(found, widths, strict=True):
        ms = attribute(phase, "ms")
        name, state = str(attribute(phase, "name")), str(attribute(phase, "state") or "done")
        result.append(
            Segment(name, label_of(phase), state, None if ms is None else float(ms), round(x, 2), width)
        )
        x += width
    return result


def weight_of(phase: object, known: float) -> float:
    ms, state = attribute(phase, "ms"), attribute(phase, "state")
    if ms is None:
        return max(known / 3, 1.0) if state == "running" else 0.0
    return float(ms)


def shares(weights: Sequence[float]) -> list[float]:
    """Percentages that add up to 100, none of a counted weight below what the eye can see."""
    total = sum(weights)
    if not total:
        return [0.0 for _ in weights]
    raised = [max(100 * weight / total, SMALLEST_SEGMENT) if weight else 0.0 for weight in weights]
    scale = 100 / sum(raised)
    return [round(width * scale, 2) for width in raised]


def thickness(actual: float | None) -> float:
    """Of a sheet in pixels: grows with the logarithm of its size, so 200 KiB and 20 GiB both fit."""
    mib = max(float(actual or 0) / MIB, 0.1)
    return round(min(max(2 + 1.5 * math.log2(mib + 1), 2), 16), 1)


def points(*pairs: tuple[float, float]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in pairs)


def sheet(index: int, layer: Mapping[str, Any]) -> dict[str, Any]:
    """One sheet of the stack, `index` counted from the top."""
    y, t = 6 + index * SHEET_PITCH, thickness(layer.get("actual"))
    w, s, d = SHEET_WIDTH, SHEET_SKEW, SHEET_DEPTH
    actual, virtual = float(layer.get("actual") or 0), float(layer.get("virtual") or 0)
    return {
        **layer,
        "top": points((s, y), (w, y), (w - s, y + d), (0, y + d)),
        "front": points((0, y + d), (w - s, y + d), (w - s, y + d + t), (0, y + d + t)),
        "side": points((w - s, y + d), (w, y), (w, y + t), (w - s, y + d + t)),
        "share": round(min(100 * actual / virtual, 100), 2) if virtual else 0,
    }


def stack(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sheets, top one first, with the drawing's size; bottom ones are drawn first."""
    sheets = [sheet(index, layer) for index, layer in enumerate(layers)]
    height = max(len(sheets), 1) * SHEET_PITCH + 12
    return {"sheets": sheets, "drawn": sheets[::-1], "width": SHEET_WIDTH + 4, "height": height}


def sheets_of(clone: Any) -> list[dict[str, Any]]:
    """The layers below a clone, its own first: what each takes, of what the guest sees."""
    revision, below = clone.revision, clone.layers
    layers = [{"name": clone.name, "kind": "clone", "actual": clone.disk_bytes, "note": "this clone"}]
    for layer in below[: DEEPEST - 1]:
        name = f"{layer.made_from.name} as it was"
        layers.append({"name": name, "kind": "layer", "actual": layer.disk_bytes, "note": "never changed"})
    if len(below) >= DEEPEST:
        rest = below[DEEPEST - 1 :]
        size = sum(layer.disk_bytes for layer in rest)
        layers.append({"name": f"{len(rest)} more layers", "kind": "layer", "actual": size, "note": "below"})
    template = clone.grounds
    if template is not None:
        layers.append(sheet_of_template(template))
    base = {
        "name": str(revision),
        "kind": "base",
        "actual": revision.file_size,
        "note": "base, never changed",
    }
    return [{**layer, "virtual": revision.virtual_size} for layer in [*layers, base]]


def sheet_of_template(template: Any) -> dict[str, Any]:
    """The layer of a booted guest, between the base and the clones that go on from it."""
    actual, note = template.disk_bytes, "booted once, saved"
    return {"name": f"template {template.pk}", "kind": "template", "actual": actual, "note": note}


def sheets_asked(base: Any) -> list[dict[str, Any]]:
    """The empty sheet a new clone of this base begins with."""
    revision = base.current
    new = {"name": "new clone", "kind": "clone", "actual": NEW_LAYER, "note": "begins empty"}
    below = {"name": str(revision), "kind": "base", "actual": revision.file_size, "note": "base"}
    return [{**layer, "virtual": revision.virtual_size} for layer in (new, below)]
