"""Bytes to the guest, as many at a time as it has room for.

Example::

    window.grant(frame.number())
    window.feed(file.read)
"""

from collections.abc import Callable

from hosts.drivers.agent import wire
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.wire import Type

ROOM_MAX = 1 << 20  # whatever the guest promises


class Window:
    def __init__(self, connection: Connection, channel: int) -> None:
        self._connection = connection
        self._channel = channel
        self._room = 0
        self._ended = False

    def grant(self, count: int) -> None:
        self._room = min(self._room + count, ROOM_MAX)

    def feed(self, read: Callable[[int], bytes | None]) -> None:
        """Sends what there is room for, until there is nothing yet (None); an empty piece is the end, and
        told to the guest."""
        while self._room and not self._ended:
            piece = read(min(self._room, wire.TO_GUEST_MAX))
            if piece is None:
                return
            self._ended = not piece
            self._room -= len(piece)
            self._connection.send(Type.DATA, self._channel, piece)
