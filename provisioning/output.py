"""Keeping a run's output while it comes: lines are numbered, packed into chunks and rung for.

A chunk is written every 50 ms or 200 lines, so a talkative script costs few transactions, and the memory
held is one chunk, however much is printed.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from cowweb.clean import Cleaner, plain_text
from cowweb.live import ring
from hosts.drivers.base import Stream
from provisioning.colours import Colours, coloured_after
from provisioning.models import OutputChunk, Run
from provisioning.sealed import Veil, secrets_of

FLUSH_S = 0.05
FLUSH_LINES = 200
ASKED_S = 0.3  # what stands so long without a line's end, in a run that reads, is a question
CAP_MARK = "[the output is longer than this site keeps; the rest is not kept]"

Line = tuple[str, int, str]
OnLine = Callable[[str, int], None]


class Recorder:
    """Takes bytes from the guest, writes chunks. Used by one thread."""

    def __init__(self, run: Run) -> None:
        self.run_id = run.pk
        self.kept = run.line_count
        self.bytes = run.output_bytes
        self.veil = Veil(secrets_of(run.pk))
        over, longest = self.veil.over, self.veil.longest
        self.cleaners = {"stdout": Cleaner(over, longest), "stderr": Cleaner(over, longest)}
        self.waiting: list[Line] = []
        self.colours: Colours = {}
        self.start = self.last_flush = time.monotonic()
        self.is_full = False
        self.asks, self.heard_at = run.interactive, self.start
        self.on_line: OnLine | None = None  # hears each line of the guest with its number

    def take(self, stream: Stream, data: bytes) -> None:
        """Bytes as they come."""
        self.bytes += len(data)
        self.heard_at = time.monotonic()
        self.add(stream, self.cleaners[stream].lines(data))

    def add(self, stream: str, lines: list[str]) -> None:
        ms = int((time.monotonic() - self.start) * 1000)
        for line in lines:
            if self.is_full:
                return
            if self.bytes > settings.COWWEB_RUN_OUTPUT_BYTES:
                self.is_full = True
                stream, line = "note", CAP_MARK  # noqa: PLW2901 - the cap takes the line's place
            self.waiting.append((stream, ms, line))
            if self.on_line and not self.is_full:
                self.on_line(line, self.kept + len(self.waiting))
            if len(self.waiting) >= FLUSH_LINES:
                self.flush()
        self.flush_if_due()

    def note(self, text: str) -> None:
        """A line of our own among the guest's."""
        self.waiting.append(("note", int((time.monotonic() - self.start) * 1000), self.veil.over(text)))
        self.flush()

    def typed(self, lines: list[str]) -> None:
        """What a person sent to the script, where it was sent."""
        ms = int((time.monotonic() - self.start) * 1000)
        self.waiting += [("stdin", ms, self.veil.over(plain_text(line))) for line in lines]
        self.flush()

    def flush_if_due(self) -> None:
        if self.asks and time.monotonic() - self.heard_at >= ASKED_S:
            self.heard_at = time.monotonic()
            for stream, cleaner in self.cleaners.items():
                if cleaner.partial:
                    self.add(stream, cleaner.rest())
        if self.waiting and time.monotonic() - self.last_flush >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Writes what waits as one chunk."""
        if not self.waiting:
            return
        lines, self.waiting = self.waiting, []
        with transaction.atomic():
            OutputChunk.objects.create(
                run_id=self.run_id,
                first_line=self.kept + 1,
                line_count=len(lines),
                colours=self.colours,
                payload=OutputChunk.packed(lines),
            )
            self.kept += len(lines)
            Run.objects.filter(pk=self.run_id).update(line_count=self.kept, output_bytes=self.bytes)
            ring(f"run.{self.run_id}.log")
        self.colours = coloured_after(self.colours, lines)
        self.last_flush = time.monotonic()

    def close(self) -> None:
        """The unfinished last lines, then everything that waits."""
        for stream, cleaner in self.cleaners.items():
            self.add(stream, cleaner.rest())
        self.flush()


def lines_after(run_id: int, cursor: int, *, most: int = 2000, characters: int = 0) -> list[Line]:
    """Up to `most` (or one chunk more) consecutive lines after line number `cursor`; with `characters`, no
    more than that many of them, but at least one line."""
    found: list[Line] = []
    left = characters
    chunks = OutputChunk.objects.filter(run_id=run_id, first_line__gt=cursor - FLUSH_LINES - 1)
    for chunk in chunks.order_by("first_line").iterator(chunk_size=20):
        skip = max(cursor + len(found) + 1 - chunk.first_line, 0)
        for line in chunk.lines()[skip:]:
            left -= len(line[2])
            if characters and left < 0 and found:
                return found
            found.append(line)
        if len(found) >= most:
            break
    return found


def text_of(run_id: int) -> "list[str]":
    """All lines' text, for small outputs and for commands' results."""
    return [text for chunk in OutputChunk.objects.filter(run_id=run_id) for _, _, text in chunk.lines()]


def stream_text(run_id: int, stream: str) -> str:
    """What one stream printed."""
    return "".join(
        f"{text}\n"
        for chunk in OutputChunk.objects.filter(run_id=run_id).iterator()
        for kind, _, text in chunk.lines()
        if kind == stream
    )
