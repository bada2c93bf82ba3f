"""Reading what a run said: any stretch of its lines, and what is found in all of them.

Example::

    stretch(run.pk, first=40_001, count=1000)     # lines, and the colours in force before the first
    found(run.pk, "error", after=0)               # Found(hits=[12, 507], next=None)
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from provisioning.colours import Colours, coloured_after, plain
from provisioning.models import OutputChunk, Run
from provisioning.output import FLUSH_LINES, Line

MOST_LINES = 2000
MOST_HITS = 1000
LOOKED_LINES = 200_000  # in one answer; whoever asks goes on from `next`
MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive lines from number `first`; `colours` by stream, as they were before it."""

    first: int
    lines: list[Line] = field(default_factory=list)
    colours: Colours = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of lines; `next` is where to go on looking, None at the end."""

    hits: list[int]
    next: int | None


def chunks_from(run_id: int, line: int) -> Iterator[OutputChunk]:
    """The chunk that has this line, and those after it. A chunk has at most FLUSH_LINES lines."""
    chunks = OutputChunk.objects.filter(run_id=run_id, first_line__gt=line - FLUSH_LINES)
    for chunk in chunks.order_by("first_line").iterator(chunk_size=50):
        if chunk.first_line + chunk.line_count > line:
            yield chunk


def stretch(run_id: int, *, first: int, count: int) -> Stretch:
    lines: list[Line] = []
    colours: Colours = {}
    for chunk in chunks_from(run_id, first):
        own = chunk.lines()
        skip = max(first - chunk.first_line, 0)
        if not lines:
            colours = coloured_after(chunk.colours, own[:skip])
        lines += own[skip:]
        if len(lines) >= count:
            break
    return Stretch(first, lines[:count], colours)


def found(run_id: int, words: str, *, after: int, most: int = MOST_HITS) -> Found:
    """Lines after number `after` that have these words. Capitals in them make case count."""
    words = words[:MOST_WORDS]
    exact = words != words.lower()
    needle = json.dumps(words, ensure_ascii=False)[1:-1]
    hits: list[int] = []
    for chunk in chunks_from(run_id, after + 1):
        raw = zlib.decompress(bytes(chunk.payload)).decode()
        if "\\u001b" in raw or needle in (raw if exact else raw.lower()):
            hits += [line for line in hits_in(chunk, words, exact=exact) if line > after]
        last = chunk.first_line + chunk.line_count - 1
        if len(hits) >= most or last - after >= LOOKED_LINES:
            return Found(hits, last)
    return Found(hits, None)


def hits_in(chunk: OutputChunk, words: str, *, exact: bool) -> Iterator[int]:
    for number, (_, _, text) in enumerate(chunk.lines(), chunk.first_line):
        bare = plain(text)
        if words in (bare if exact else bare.lower()):
            yield number


def texts(run: Run) -> Iterator[str]:
    """The whole output as text, chunk by chunk."""
    for chunk in chunks_from(run.pk, 1):
        yield "".join(f"{text}\n" for _, _, text in chunk.lines())


def cast(run: Run) -> Iterator[str]:
    """The whole output as asciicast v2, chunk by chunk: a header, then one event a line."""
    header = {"version": 2, "width": 120, "height": 40, "title": f"{run.script_name}, run {run.pk}"}
    if run.started_at:
        header["timestamp"] = int(run.started_at.timestamp())
    yield json.dumps(header, ensure_ascii=False) + "\n"
    clock = Clock()
    for chunk in chunks_from(run.pk, 1):
        events = (
            [clock.going_on(ms), "i" if kind == "stdin" else "o", f"{text}\r\n"]
            for kind, ms, text in chunk.lines()
        )
        yield "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)


class Clock:
    """A recording's time never runs back: each attempt of a run counts anew, and is played after the last."""

    def __init__(self) -> None:
        self.before, self.last = 0, 0

    def going_on(self, ms: int) -> float:
        if ms < self.last:
            self.before += self.last
        self.last = ms
        return (self.before + ms) / 1000
