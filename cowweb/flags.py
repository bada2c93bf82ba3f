"""A wish of another process, such as the end of a job: a row says it, and who works looks at it now and then.

Example::

    stop = Flag(lambda: Run.objects.filter(pk=pk, cancel_asked_at__isnull=False).exists())
    while not stop.is_set(): ...
"""

import time
from collections.abc import Callable

LOOK_S = 0.5


class Flag:
    """Asked as often as one likes; looks at most every `LOOK_S`, and no more once it is set."""

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._next_look = 0.0
        self._seen = False

    def is_set(self) -> bool:
        now = time.monotonic()
        if not self._seen and now >= self._next_look:
            self._next_look = now + LOOK_S
            self._seen = self._look()
        return self._seen
