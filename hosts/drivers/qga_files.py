"""Files in a guest by its agent: opened once, then moved in short exchanges so that others get a turn.

Example::

    write_file(agent, "/tmp/x", in_pieces(b"hello"), watch)
    for piece in read_file(agent, "/tmp/x", watch): ...
"""

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import DriverError, Refused, Unreachable
from hosts.drivers.qga import AgentSession, GuestAgent

READ_PIECE = 1 << 18
WRITE_PIECE = 1 << 16  # the agent takes a character at a time: others shall not wait long


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open file in the guest."""

    agent: GuestAgent
    handle: int
    watch: Deadline

    def call(self, command: str, arguments: Mapping[str, object] | None = None) -> dict[str, object]:
        with self.agent.session(self.watch) as session:
            reply = session.call(command, {"handle": self.handle, **(arguments or {})})
        if not isinstance(reply, dict):
            raise Unreachable(f"the guest agent's answer to {command} makes no sense")
        return reply


@contextlib.contextmanager
def _opened(agent: GuestAgent, path: str, mode: str, watch: Deadline) -> Iterator[_Opened]:
    with agent.session(watch) as session:
        handle = session.call("guest-file-open", {"path": as_json_text(path), "mode": mode})
    if not isinstance(handle, int):
        raise Unreachable("the guest agent's answer to guest-file-open makes no sense")
    file = _Opened(agent, handle, watch)
    try:
        yield file
    except BaseException:
        with contextlib.suppress(DriverError):
            _Opened(agent, handle, Deadline(5, what="closing the file")).call("guest-file-close")
        raise
    file.call("guest-file-close")


def write_file(agent: GuestAgent, path: str, pieces: Iterator[bytes], watch: Deadline) -> None:
    with _opened(agent, path, "w", watch) as file:
        for piece in _cut(pieces):
            data = {"buf-b64": base64.b64encode(piece).decode()}
            count = file.call("guest-file-write", data).get("count")
            if count != len(piece):
                raise DriverError(f"the guest took {count} of {len(piece)} bytes")


def read_file(agent: GuestAgent, path: str, watch: Deadline) -> Iterator[bytes]:
    with _opened(agent, path, "r", watch) as file:
        while True:
            with agent.session(watch) as session:
                piece = read_piece(session, file.handle)
            if not piece:
                return
            yield piece


def read_piece(session: AgentSession, handle: int) -> bytes:
    """The next bytes of an open file; none at its end."""
    arguments = {"handle": handle, "count": READ_PIECE}
    reply = session.call("guest-file-read", arguments, limit=2 * READ_PIECE)
    if not isinstance(reply, dict):
        raise Unreachable("the guest agent's answer to guest-file-read makes no sense")
    return decoded(reply.get("buf-b64", ""))


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for at in range(0, len(piece), WRITE_PIECE):
            yield piece[at : at + WRITE_PIECE]


def decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise Unreachable("the guest agent's answer makes no sense")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreachable("the guest agent's answer is not base64") from None


def as_json_text(text: str) -> str:
    """The agent's protocol carries text only."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("the guest agent can only name files in UTF-8") from None
    return text
