"""One command over one SSH channel: bytes in, bytes out, its exit status; pulled by the caller.

Nothing is read from the channel before the caller asks for more, so a slow caller slows the guest down
(SSH's window closes) and memory stays flat.

Example::

    with RemoteRun(transport, "cat", stdin=iter([b"hello"]), watch=watch) as remote:
        for stream, data in remote.events():
            ...
        print(remote.exit_code)
"""

import contextlib
import select
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from paramiko import Channel, SSHException

from hosts.drivers.base import Stream
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Refused, Unreachable
from hosts.drivers.ssh_life import LifeSigns
from hosts.drivers.ssh_transport import GuestTransport

OPEN_S = 20.0
LONGEST_COMMAND = 8000  # dropbear takes 9000 bytes
READ_SIZE = 65536
IDLE_S, BUSY_S = 0.05, 0.005
AFTER_EXIT_QUIET_S = 0.5  # a daemon may hold stdout open after the command itself has ended
AFTER_EXIT_S = 10.0


class RemoteRun:
    def __init__(
        self,
        transport: GuestTransport,
        command: str,
        *,
        stdin: Iterator[bytes | None],
        watch: Deadline,
        silence_s: float,
    ) -> None:
        self._transport = transport
        self._stdin: Iterator[bytes | None] | None = stdin
        self._pending = memoryview(b"")
        self._watch = watch
        self._life = LifeSigns(transport, silence_s)
        self._exited_at: float | None = None
        self._channel = _execute(transport, command, watch)

    @property
    def exit_code(self) -> int:
        """The command's exit status; 128 and the signal's number when it was killed."""
        return self._channel.exit_status

    def events(self) -> Iterator[tuple[Stream, bytes]]:
        """Output as it comes, until the command has ended. Raises TimedOut, Cancelled, Unreachable."""
        while True:
            self._watch.check()
            moved = self._send()
            for stream, data in self._receive():
                moved = True
                yield stream, data
            if moved:
                self._life.seen()
                continue
            if self._ended():
                return
            self._life.check()
            self._wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(SSHException, OSError, EOFError):
            self._channel.close()

    def _send(self) -> bool:
        """Sends at most one packet; never blocks for long on a guest that does not take it."""
        if self._stdin is None:
            return False
        if not self._pending:
            piece = next(self._stdin, b"")
            if piece is None:
                return False
            self._pending = memoryview(piece)
        with contextlib.suppress(TimeoutError):
            try:
                return self._send_pending()
            except (OSError, SSHException, EOFError):
                self._stdin = None  # the command went without reading it all, as commands may
        return False

    def _send_pending(self) -> bool:
        if not self._pending:
            self._stdin = None
            self._channel.shutdown_write()
            return True
        if not self._channel.send_ready() or not _takes_bytes(self._transport):
            return False
        sent = self._channel.send(bytes(self._pending[:READ_SIZE]))
        self._pending = self._pending[sent:]
        return sent > 0

    def _receive(self) -> Iterator[tuple[Stream, bytes]]:
        if self._channel.recv_ready():
            yield "stdout", self._channel.recv(READ_SIZE)
        if self._channel.recv_stderr_ready():
            yield "stderr", self._channel.recv_stderr(READ_SIZE)

    def _ended(self) -> bool:
        """Called when nothing is left to read."""
        channel = self._channel
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if not channel.exit_status_ready():
            return False
        if channel.exit_status < 0:
            raise self._lost()
        if channel.eof_received or channel.closed:
            return True
        now = time.monotonic()
        self._exited_at = self._exited_at or now
        return self._life.quiet_s >= AFTER_EXIT_QUIET_S and now - self._exited_at >= AFTER_EXIT_QUIET_S

    def _lost(self) -> Unreachable:
        if not self._transport.is_active():
            return self._transport.why_dead()
        return Unreachable("the guest's SSH server ended the command without its exit status")

    def _wait(self) -> None:
        """Until output arrives; what else may happen shows soon enough."""
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        waiting_to_send = bool(self._pending)
        known_to_end = self._channel.exit_status_ready() or self._channel.eof_received
        seconds = BUSY_S if waiting_to_send or known_to_end else IDLE_S
        poll.poll(seconds * 1000)


def _execute(transport: GuestTransport, command: str, watch: Deadline) -> Channel:
    words = command.encode("utf-8", "surrogateescape")
    if len(words) > LONGEST_COMMAND:
        raise Refused(
            f"a command over {LONGEST_COMMAND} bytes goes to a shell's stdin, not on its command line"
        )
    try:
        channel, opened = transport.ask_for_session()
        answered(transport, opened, watch)
        if not channel.active:
            raise Unreachable("the guest's SSH server opens no more sessions")
        channel.settimeout(0.0)
        answered(transport, transport.ask_to_execute(channel, words), watch)
    except (SSHException, OSError, EOFError) as error:
        raise Unreachable("the guest's SSH server did not take the command", detail=str(error)) from None
    if not channel.event_ready:
        raise Unreachable("the guest's SSH server did not take the command")
    return channel


def answered(transport: GuestTransport, event: threading.Event, watch: Deadline) -> None:
    """Waits for the server. A server that does not answer in time is not worth asking anything else."""
    give_up_at = time.monotonic() + OPEN_S
    while not event.wait(IDLE_S):
        watch.check()
        if time.monotonic() > give_up_at:
            transport.close()
            raise Unreachable("the guest's SSH server stopped answering")
    if not transport.is_active():
        raise transport.why_dead()


def _takes_bytes(transport: GuestTransport) -> bool:
    """Whether the connection has room: Paramiko's own send would wait for it without a deadline."""
    poll = select.poll()
    poll.register(transport.sock.fileno(), select.POLLOUT)
    return bool(poll.poll(0))
