"""The host's end of the port: one client at a time, in step with the agent, never waiting without a deadline.

Example::

    with Connection(folder, deadline=Deadline(10, what="the guest's agent")) as connection:
        connection.send(Type.PING, connection.new_id(), b"x")
        frame = connection.receive(1.0)
"""

import contextlib
import fcntl
import os
import secrets
import select
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from hosts.drivers.agent import wire
from hosts.drivers.agent.wire import Decoder, Frame, Type
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Busy, Refused, Unreachable
from hosts.drivers.unix_sockets import connected

SOCKET = "agent.sock"
LOCK = "agent.lock"
CONNECT_S = 5.0
LOOK_S = 0.1  # how often a cancel is looked for
HELLO_AGAIN_S = 1.0  # a guest that restarts loses what its port held
UNSENT_BYTES = 4 << 20
RECEIVE_BYTES = 256 * 1024


class Connection:
    """Holds the lock and the socket from construction to `close`."""

    def __init__(self, folder: Path, *, deadline: Deadline) -> None:
        """Raises Busy, Unreachable, TimedOut or Cancelled, and then holds nothing."""
        self._outgoing = bytearray()
        self._decoder = Decoder()
        with contextlib.ExitStack() as undo:
            undo.enter_context(_locked(folder))
            self._socket = undo.enter_context(connected(folder, SOCKET, timeout_s=CONNECT_S))
            self._socket.settimeout(0)
            self._greet(deadline)
            self._close = undo.pop_all()

    def close(self) -> None:
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def new_id(self) -> int:
        """Unlikely to be that of a command which a host before us left running."""
        return 1 + secrets.randbelow(0xFFFFFFFE)

    def send(self, kind: Type, channel: int, payload: bytes = b"") -> None:
        """Queues a frame; it leaves while something is received, so neither side can block the other."""
        self._outgoing += wire.encode(kind, channel, payload)
        if len(self._outgoing) > UNSENT_BYTES:
            raise Unreachable("The guest's agent does not take what is sent to it")

    def receive(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when none came in time. Raises Unreachable if the guest lies or leaves."""
        end = time.monotonic() + timeout_s
        while True:
            frame = self._decoder.next()
            if frame is None:
                left = end - time.monotonic()
                self._decoder.feed(self._exchange(max(0.0, left)))
                if left <= 0:
                    return self._meaningful(self._decoder.next())
            elif self._meaningful(frame):
                return frame

    def next(self, deadline: Deadline) -> Frame | None:
        """As `receive`, for as long as one may go without looking at the deadline."""
        deadline.check()
        return self.receive(min(LOOK_S, deadline.left_s))

    def answer(self, request: int, kind: Type, deadline: Deadline) -> Frame:
        """The first frame of this kind for this request; whatever else comes is for nobody."""
        while True:
            frame = self.next(deadline)
            if frame is not None and frame.id == request and frame.type is kind:
                return frame

    def _meaningful(self, frame: Frame | None) -> Frame | None:
        if frame is not None and frame.type is Type.BORN:
            raise Unreachable("The guest's agent was started anew")
        return None if frame is None or frame.type is Type.WELCOME else frame

    def _exchange(self, timeout_s: float) -> bytes:
        """Sends and receives what is possible now, after waiting for either."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
        ready = poll.poll(timeout_s * 1000)
        try:
            if ready and ready[0][1] & select.POLLOUT:
                del self._outgoing[: self._socket.send(self._outgoing)]
            if not ready or not ready[0][1] & ~select.POLLOUT:
                return b""
            received = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Unreachable(f"The guest's port was lost: {error.strerror}") from error
        if not received:
            raise Unreachable("The machine closed the guest's port")
        return received

    def _greet(self, deadline: Deadline) -> None:
        nonce = secrets.token_bytes(wire.NONCE_BYTES)
        hello = wire.encode(Type.HELLO, 0, wire.HELLO_FORM.pack(wire.VERSION, nonce))
        heard = bytearray()
        again_at = 0.0
        while nonce not in heard or len(heard) <= heard.index(nonce) + wire.NONCE_BYTES:
            deadline.check()
            if not self._outgoing and time.monotonic() >= again_at:
                self._outgoing += wire.FILLER + hello
                again_at = time.monotonic() + HELLO_AGAIN_S
            heard += self._exchange(min(LOOK_S, deadline.left_s))
            if nonce not in heard:
                del heard[:-64]  # meant for someone before us
        self._welcomed(bytes(heard), heard.index(nonce))

    def _welcomed(self, heard: bytes, nonce_at: int) -> None:
        begin, end = nonce_at - 8, nonce_at + wire.NONCE_BYTES
        magic, version = heard[begin : begin + 6], int.from_bytes(heard[begin + 6 : nonce_at], "little")
        if magic == wire.MAGIC and version != wire.VERSION:
            raise Refused(f"The guest's agent speaks version {version}, this host {wire.VERSION}")
        if magic != wire.MAGIC or heard[end] != wire.TRAIL:
            raise Unreachable(wire.WRONG)
        self._decoder = Decoder(heard[end + 1 :])


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps every other process's client out; the kernel lets go when this one dies."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Unreachable(f"The machine's folder cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("Someone else talks to the guest's agent") from None
        yield
    finally:
        os.close(descriptor)
