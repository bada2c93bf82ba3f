"""QEMU's guest agent, spoken to over its unix socket in the machine's folder.

The socket serves one caller at a time, so an exchange is short and held under a lock file. The agent runs
in the guest and may answer anything: replies are bounded, and what makes no sense is Unreachable.

Example::

    agent = GuestAgent(folder)
    with agent.session(Deadline(5, what="asking the guest agent")) as session:
        session.call("guest-ping")
"""

import contextlib
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Busy, DriverError, Refused, TimedOut, Unreachable
from hosts.drivers.unix_sockets import connected

SOCKET, LOCK = "qga.sock", "qga.lock"
SENTINEL = b"\xff"  # the agent's parser starts anew after it, and puts one before its own answer
SYNC_AGAIN_S = 1.0  # what was said before the agent ran may be lost
SHORT_REPLY = 1 << 20
LOOK_S = 0.05
LOCK_LOOK_S = 0.01
WORDS_SHOWN = 500
Json = Mapping[str, object]


class AgentSession:
    """One synchronised exchange; every call has its answer before the next is made."""

    def __init__(self, client: socket.socket, watch: Deadline) -> None:
        self._client = client
        self._watch = watch
        self._buffer = bytearray()
        client.settimeout(LOOK_S)
        self._synchronise()

    def call(self, command: str, arguments: Json | None = None, *, limit: int = SHORT_REPLY) -> object:
        """The answer's `return`. Raises DriverError with the agent's words, or Refused: no such command."""
        self._send({"execute": command, "arguments": dict(arguments or {})})
        reply = _understood(self._line(limit))
        if "return" in reply:
            return reply["return"]
        raise _agent_error(command, reply)

    def send(self, command: str, arguments: Json) -> None:
        """For a command that has no answer when it succeeds."""
        self._send({"execute": command, "arguments": dict(arguments)})

    def _synchronise(self) -> None:
        """Gets past whatever an earlier caller left unread, until the agent answers this very question."""
        while True:
            number = secrets.randbits(52)
            again = self._watch.within(SYNC_AGAIN_S, "the guest agent's answer")
            self._send({"execute": "guest-sync-delimited", "arguments": {"id": number}}, before=SENTINEL)
            with contextlib.suppress(TimedOut):
                while _sync_answer(self._line(SHORT_REPLY, again)) != number:
                    again.check()
                return
            self._watch.check()

    def _send(self, message: Json, *, before: bytes = b"") -> None:
        data = memoryview(before + json.dumps(message).encode() + b"\n")
        while data:
            self._watch.check()
            with contextlib.suppress(TimeoutError), _broken_is_unreachable():
                data = data[self._client.send(data) :]

    def _line(self, limit: int, watch: Deadline | None = None) -> bytes:
        """The next line, without what came before a sentinel in it."""
        watch = watch or self._watch
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            if len(self._buffer) > limit:
                raise Unreachable("the guest agent's answer has no end")
            searched = len(self._buffer)
            watch.check()
            self._buffer += self._receive()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.rpartition(SENTINEL)[2]

    def _receive(self) -> bytes:
        with contextlib.suppress(TimeoutError), _broken_is_unreachable():
            data = self._client.recv(1 << 16)
            if not data:
                raise Unreachable("the machine closed the guest agent's socket")
            return data
        return b""


class GuestAgent:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def session(self, watch: Deadline) -> Iterator[AgentSession]:
        """Raises Busy when others hold the agent until the deadline, Unreachable when QEMU is not there,
        and TimedOut when no agent answers."""
        with self._alone(watch):
            client = connected(self.folder, SOCKET, timeout_s=max(0.05, min(1.0, watch.left_s)))
            with contextlib.closing(client):
                yield AgentSession(client, watch)

    @contextlib.contextmanager
    def _alone(self, watch: Deadline) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            lock = os.open(self.folder / LOCK, flags, 0o600)
        except OSError as error:
            raise Unreachable(f"the machine's folder cannot be used: {error.strerror}") from error
        try:
            while not _locked(lock):
                try:
                    watch.pause(LOCK_LOOK_S)
                    watch.check()
                except TimedOut:
                    raise Busy("others are talking to the guest agent") from None
            yield
        finally:
            os.close(lock)


def _locked(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextlib.contextmanager
def _broken_is_unreachable() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise Unreachable(f"the guest agent's socket broke: {error.strerror}") from error


def _understood(line: bytes) -> dict[str, object]:
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreachable("the guest agent's answer makes no sense") from None
    if not isinstance(reply, dict):
        raise Unreachable("the guest agent's answer makes no sense")
    return reply


def _sync_answer(line: bytes) -> object:
    """What an earlier caller left unread may be cut off anywhere."""
    with contextlib.suppress(Unreachable):
        return _understood(line).get("return")
    return None


def _agent_error(command: str, reply: Json) -> DriverError:
    error = reply.get("error")
    if not isinstance(error, dict):
        return Unreachable("the guest agent's answer makes no sense")
    words = str(error.get("desc", ""))[:WORDS_SHOWN]
    kind = Refused if error.get("class") == "CommandNotFound" or "disabled" in words else DriverError
    return kind(f"the guest agent refused {command}: {words}")
