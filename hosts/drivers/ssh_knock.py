"""Finding the moment at which the guest's SSH server answers, cheaply.

QEMU's user network takes connections before anyone in the guest listens, and one opened too early may hang
for seconds after the guest is up. So a few young ones are kept open side by side; the first that brings a
banner is handed on, unread, to be used for the session itself.

Example::

    knocker = Knocker(port)
    while (sock := knocker.knock(0.25)) is None:
        watch.check()
"""

import contextlib
import select
import socket
import time

from hosts.drivers.errors import Unreachable

HOST = "127.0.0.1"
BANNER = b"SSH-2.0-"
AT_ONCE = 3  # dropbear serves five unknown callers at a time, OpenSSH ten
# Every caller that reaches the server costs it a process: given up too soon, they keep a slow one from ever
# answering. So the first is given long (the guest may be up already), and the others ever longer.
FIRST_LIVES_S = 30.0
GAP_S, GAP_SHARE = 0.7, 8  # at least, and this part of the time waited so far
CLOSED_FOR_S = 2.0
LOOK_S = 0.05
TAKEN_S = 0.1  # loopback answers at once
SILENT_TCP_MS = 10_000


class NotListening(Unreachable):
    """Nobody is at the machine's port: QEMU itself holds it as long as the machine runs."""


class Knocker:
    def __init__(self, port: int) -> None:
        self.port = port
        self._started = time.monotonic()
        self._next_at = 0.0
        self._open: list[socket.socket] = []
        self._closed_since: float | None = None

    def knock(self, wait_s: float) -> socket.socket | None:
        """A connection whose banner waits to be read, or None when this time brought none.

        Raises NotListening when that stays so for a while.
        """
        until = time.monotonic() + wait_s
        while True:
            self._open_another()
            left = until - time.monotonic()
            ready = self._ready(max(0.0, min(left, LOOK_S)))
            if ready is not None:
                self.close()
                return ready
            if left <= 0:
                return None

    def close(self) -> None:
        for sock in self._open:
            sock.close()
        self._open.clear()

    def _open_another(self) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return None
        self._next_at = now + max(GAP_S, (now - self._started) / GAP_SHARE)
        try:
            sock = socket.create_connection((HOST, self.port), timeout=TAKEN_S)
        except TimeoutError:
            return None  # QEMU holds the port but takes nobody: stopped, or starved
        except OSError as error:
            return self._not_listening(now, error)
        self._closed_since = None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A guest that takes nothing any more must not block a sender for ever.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_TCP_MS)
        self._open.append(sock)
        if len(self._open) > AT_ONCE:
            keep_first = now - self._started < FIRST_LIVES_S
            self._open.pop(1 if keep_first else 0).close()
        return None

    def _not_listening(self, now: float, error: OSError) -> None:
        if self._closed_since is None:
            self._closed_since = now
        if now - self._closed_since >= CLOSED_FOR_S:
            self.close()
            raise NotListening(
                f"nothing listens at the machine's port {self.port}: it is not running", detail=str(error)
            )

    def _ready(self, wait_s: float) -> socket.socket | None:
        poll = select.poll()
        by_number = {sock.fileno(): sock for sock in self._open}
        for number in by_number:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(wait_s * 1000):
            sock = by_number[number]
            self._open.remove(sock)
            if _has_banner(sock):
                return sock
            sock.close()
        return None


def _has_banner(sock: socket.socket) -> bool:
    """Looks without taking; a guest without a listener resets or ends the connection instead."""
    with contextlib.suppress(OSError):
        return sock.recv(len(BANNER), socket.MSG_PEEK | socket.MSG_DONTWAIT).startswith(BANNER[:4])
    return False
