"""The channel layer of one process, without its cost that grows with the square of the open pages.

Channels' own looks through every channel and group whenever any page takes a message, so one ring to n pages
is n² looks. Messages here are doorbells: what is old is as well cleared a moment later.
"""

import time

from channels.layers import InMemoryChannelLayer

CLEAN_EVERY_S = 5.0


class Layer(InMemoryChannelLayer):
    """As Channels' own; what expired goes every few seconds."""

    cleaned_at = float("-inf")

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now - self.cleaned_at >= CLEAN_EVERY_S:
            self.cleaned_at = now
            super()._clean_expired()  # type: ignore[no-untyped-call]
