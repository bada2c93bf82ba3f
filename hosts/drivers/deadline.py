"""How long a call may take and whether the caller still wants it, asked often and answered cheaply.

Example::

    watch = Deadline(60, cancel, what="the command")
    while not done():
        watch.check()      # raises TimedOut or Cancelled
        watch.pause(0.05)
"""

import time

from hosts.drivers.base import CancelSignal
from hosts.drivers.errors import Cancelled, TimedOut

CANCEL_EVERY_S = 0.05  # the signal may be a look into a database


class Deadline:
    """Counts on the monotonic clock, so that a changed wall clock changes nothing."""

    def __init__(self, timeout_s: float, cancel: CancelSignal | None = None, *, what: str) -> None:
        self.timeout_s = timeout_s
        self.what = what
        self._cancel = cancel
        self._end = time.monotonic() + timeout_s
        self._ask_at = 0.0

    @property
    def left_s(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def check(self) -> None:
        """Raises Cancelled or TimedOut once that is so."""
        now = time.monotonic()
        if self._cancel is not None and now >= self._ask_at:
            self._ask_at = now + CANCEL_EVERY_S
            if self._cancel.is_set():
                raise Cancelled(f"{self.what} was cancelled")
        if now >= self._end:
            raise TimedOut(f"{self.what} was not done within {self.timeout_s:g} s")

    def pause(self, seconds: float) -> None:
        """Sleeps, but not past the deadline nor the next look at the cancel signal."""
        until = time.monotonic() + min(seconds, self.left_s)
        while (rest := until - time.monotonic()) > 0:
            time.sleep(min(rest, CANCEL_EVERY_S))
            self.check()

    def within(self, seconds: float, what: str) -> "Deadline":
        """A shorter deadline under this one, with the same cancel signal."""
        return Deadline(min(seconds, self.left_s), self._cancel, what=what)
