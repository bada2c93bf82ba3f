"""A run's new lines as the frames that go to its watchers, read once for all of them.

Lines never change once they are written, so whoever stands at the same line can be given the same frame. A
hundred open pages then cost one read of the database for each chunk, not a hundred.

Example::

    frame = await tail().after(run_id, cursor)      # from the server's loop
    cursor += frame.count                           # and again, unless `frame.is_last`
"""

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from provisioning.models import Run
from provisioning.output import lines_after

KEPT_FRAMES = 32
FRAME_CHARACTERS = 160_000  # at most 6 bytes each in JSON: below the server's limit for a message, 1 MiB


@dataclass(frozen=True, slots=True)
class Frame:
    """The lines after a cursor, ready to be sent; no text when there is nothing to say yet."""

    text: str
    count: int
    is_last: bool = True  # nothing more was there when it was read
    read_at: float = 0.0  # the moment (of the monotonic clock) before it was


class Tail:
    """The reads under way and the latest frames. Belongs to one loop."""

    def __init__(self) -> None:
        self.reads: dict[tuple[int, int], asyncio.Task[Frame]] = {}
        self.kept: OrderedDict[tuple[int, int], Frame] = OrderedDict()

    async def after(self, run_id: int, cursor: int, *, since: float | None = None) -> Frame:
        """Lines after the cursor if any were written before `since` (this call, unless told); perhaps not
        all of them: ask again where the frame is not the last, or was read before `since`."""
        place, since = (run_id, cursor), time.monotonic() if since is None else since
        if place in self.kept and tells(self.kept[place], since):
            return self.kept[place]
        if place in self.reads:
            # It may have looked before the last line was written: then only its lines count, not their lack.
            frame = await asyncio.shield(self.reads[place])
            if tells(frame, since):
                return frame
        if place not in self.reads:
            self.reads[place] = asyncio.create_task(self.read(place))
        return await asyncio.shield(self.reads[place])

    async def read(self, place: tuple[int, int]) -> Frame:
        read_at = time.monotonic()
        try:
            found: Frame = await database_sync_to_async(frame_after)(*place)
        finally:
            del self.reads[place]
        frame = self.kept[place] = replace(found, read_at=read_at)
        if len(self.kept) > KEPT_FRAMES:
            self.kept.popitem(last=False)
        return frame


def tells(frame: Frame, since: float) -> bool:
    """Lines never change; that there are none is only so when it was read."""
    return bool(frame.count) or frame.read_at >= since


tails: WeakKeyDictionary[asyncio.AbstractEventLoop, Tail] = WeakKeyDictionary()


def tail() -> Tail:
    """The running loop's own."""
    return tails.setdefault(asyncio.get_running_loop(), Tail())


def frame_after(run_id: int, cursor: int) -> Frame:
    """`done` is read before the lines, so that no line can come after it."""
    run = Run.objects.only("status", "line_count").get(pk=run_id)
    lines = lines_after(run_id, cursor, characters=FRAME_CHARACTERS)
    done = run.has_ended and not lines
    if not lines and not done:
        return Frame("", 0)
    message: dict[str, Any] = {"from": cursor + 1, "lines": lines, "done": done}
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    is_last = done or (not run.has_ended and cursor + len(lines) >= run.line_count)
    return Frame(text, len(lines), is_last)
