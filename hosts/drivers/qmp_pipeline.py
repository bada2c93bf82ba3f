"""Several monitor commands in one write: for the few moments where every millisecond is shown.

The library's client costs an event loop and a round trip for each step; a restored machine needs four
commands before it runs, and they can go out before QEMU has even greeted.

Example::

    with QmpPipeline(connected(folder, "qmp.sock", timeout_s=5)) as monitor:
        _, status = monitor.ask(("cont", {}), ("query-status", {}))
"""

import array
import json
import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from hosts.drivers.errors import DriverError, TimedOut, Unreachable

Command = tuple[str, Mapping[str, object]]
Message = dict[str, Any]
REPLY_BYTES = 1 << 20
BLOCK = 1 << 16


class QmpPipeline:
    """One monitor connection. `deadline_s` is for everything done on it."""

    def __init__(self, peer: socket.socket, *, deadline_s: float = 30.0) -> None:
        self.peer = peer
        self.deadline = time.monotonic() + deadline_s
        self.buffer = b""
        self.events: list[Message] = []
        self.is_greeted = False

    def ask(self, *commands: Command, descriptor: int | None = None) -> list[Any]:
        """Sends all, then waits for each one's answer. A refused one raises DriverError with QEMU's words.

        `descriptor` is passed along with the first command (`getfd`).
        """
        negotiate: list[Command] = [] if self.is_greeted else [("qmp_capabilities", {})]
        sent = [*negotiate, *commands]
        data = b"".join(encoded(command) for command in sent)
        rights = (
            []
            if descriptor is None
            else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        )
        try:
            self.peer.sendmsg([data], rights)
        except OSError as error:
            raise Unreachable(f"QEMU went away: {error.strerror}") from error
        self.is_greeted = True
        return [self.answer(name) for name, _ in sent][len(negotiate) :]

    def answer(self, what: str) -> Any:
        while True:
            message = self.message()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise DriverError(f"QEMU refused {what}: {message['error'].get('desc', '')}")
            if "event" in message:
                self.events.append(message)

    def wait_for(self, event: str, **data: object) -> Message:
        """The first event of this name, seen already or yet to come, whose data has these values."""
        while True:
            for seen in self.events:
                if seen["event"] == event and data.items() <= seen.get("data", {}).items():
                    return seen
            message = self.message()
            if "event" in message:
                self.events.append(message)
                if message["event"] == "MIGRATION" and message["data"].get("status") == "failed":
                    raise DriverError("QEMU could not load the saved state")

    def message(self) -> Message:
        while b"\n" not in self.buffer:
            self.buffer += self.received()
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise Unreachable("QEMU's monitor answers nonsense")
        return message

    def received(self) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("QEMU gave no answer in time")
        self.peer.settimeout(left)
        try:
            data = self.peer.recv(BLOCK)
        except TimeoutError:
            raise TimedOut("QEMU gave no answer in time") from None
        except OSError as error:
            raise Unreachable(f"QEMU went away: {error.strerror}") from error
        if not data or len(self.buffer) > REPLY_BYTES:
            raise Unreachable("QEMU went away")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.peer.close()


def encoded(command: Command) -> bytes:
    name, arguments = command
    return json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})}).encode() + b"\n"
