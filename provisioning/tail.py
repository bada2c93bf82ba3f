"""A run's new lines as the frames that go to its watchers, read once for all of them.

Lines never change once they are written, so whoever stands at the same line can be given the same frame. A
hundred open pages then cost one read of the database for each chunk, not a hundred.

Example::

    frame = await tail().after(run_id, cursor)      # from the server's loop
    cursor += frame.count
"""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
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


class Tail:
    """The reads under way and the latest frames. Belongs to one loop."""

    def __init__(self) -> None:
        self.reads: dict[tuple[int, int], asyncio.Task[Frame]] = {}
        self.kept: OrderedDict[tuple[int, int], Frame] = OrderedDict()

    async def after(self, run_id: int, cursor: int) -> Frame:
        """Lines after the cursor if any were written before this call; perhaps not all, so ask again."""
        place = (run_id, cursor)
        if place in self.kept:
            return self.kept[place]
        if place in self.reads:
            # It may have looked before the last line was written: then only its lines count, not their lack.
            frame = await asyncio.shield(self.reads[place])
            if frame.count:
                return frame
        if place not in self.reads:
            self.reads[place] = asyncio.create_task(self.read(place))
        return await asyncio.shield(self.reads[place])

    async def read(self, place: tuple[int, int]) -> Frame:
        try:
            frame: Frame = await database_sync_to_async(frame_after)(*place)
        finally:
            del self.reads[place]
        if frame.count:
            self.kept[place] = frame
            if len(self.kept) > KEPT_FRAMES:
                self.kept.popitem(last=False)
        return frame


tails: WeakKeyDictionary[asyncio.AbstractEventLoop, Tail] = WeakKeyDictionary()


def tail() -> Tail:
    """The running loop's own."""
    return tails.setdefault(asyncio.get_running_loop(), Tail())


def frame_after(run_id: int, cursor: int) -> Frame:
    """`done` is read before the lines, so that no line can come after it."""
    ended = Run.objects.only("status").get(pk=run_id).has_ended
    lines = lines_after(run_id, cursor, characters=FRAME_CHARACTERS)
    done = ended and not lines
    if not lines and not done:
        return Frame("", 0)
    message: dict[str, Any] = {"from": cursor + 1, "lines": lines, "done": done}
    return Frame(json.dumps(message, ensure_ascii=False, separators=(",", ":")), len(lines))
