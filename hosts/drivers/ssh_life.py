"""Telling a quiet command from a guest that is gone: QEMU keeps the connection up either way."""

import threading
import time

from paramiko import SSHException

from hosts.drivers.errors import Unreachable
from hosts.drivers.ssh_transport import GuestTransport

ASK_AFTER_S = 5.0


class LifeSigns:
    """Asks the SSH server for a sign when it has been quiet, and gives it up when none comes."""

    def __init__(self, transport: GuestTransport, silence_s: float) -> None:
        self._transport = transport
        self._silence_s = silence_s
        self._seen_at = self._alive_at = time.monotonic()
        self._asked: threading.Event | None = None
        self._asked_at = 0.0

    @property
    def quiet_s(self) -> float:
        """Since anything was sent or received for the command."""
        return time.monotonic() - self._seen_at

    def seen(self) -> None:
        self._seen_at = self._alive_at = time.monotonic()
        self._asked = None

    def check(self) -> None:
        """Raises Unreachable when the server has not answered for `silence_s`."""
        now = time.monotonic()
        if self._asked is not None:
            if self._asked.is_set():
                self._alive_at, self._asked = now, None
            elif now - self._asked_at > self._silence_s:
                self._transport.close()
                raise Unreachable(f"the guest has not answered for {self._silence_s:g} s")
        elif now - self._alive_at > min(ASK_AFTER_S, self._silence_s):
            self._asked_at = now
            try:
                self._asked = self._transport.ask_for_life()
            except (OSError, EOFError, SSHException):
                raise self._transport.why_dead() from None
