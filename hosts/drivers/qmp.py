"""Talking to a running QEMU over its monitor socket: blocking, from any thread, never without a deadline.

QEMU serves one monitor connection at a time, so a connection is opened for a few commands and closed.
Use one connection from one thread.

Example::

    with Qmp(folder) as qmp:
        qmp.execute("stop")
        print(qmp.hmp("info usernet"))
"""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from qemu.qmp import ConnectError, ExecuteError, QMPClient, QMPError
from qemu.qmp.qmp_client import NegotiationError

from hosts.drivers.errors import DriverError, NotFound, Refused, TimedOut, Unreachable
from hosts.drivers.unix_sockets import connected

SOCKET = "qmp.sock"
DEADLINE_S = 5.0
CLOSE_S = 1.0

Answer = TypeVar("Answer")


class Qmp:
    """One monitor connection, ready for commands.

    It has an event loop of its own: the library's blocking wrapper has no deadline for connecting and
    makes its loop the calling thread's, which a server's worker threads must not keep.
    """

    def __init__(self, folder: Path, *, timeout_s: float = DEADLINE_S) -> None:
        """Raises Unreachable when no QEMU listens, TimedOut when it is stuck or serves someone else."""
        self._client = QMPClient()
        self._loop = asyncio.new_event_loop()
        try:
            if not self._greeted(folder, timeout_s) and not self._greeted(folder, timeout_s):
                raise Unreachable("QEMU's monitor twice answered its greeting with something else")
        except BaseException:
            self._loop.close()
            raise

    def _greeted(self, folder: Path, timeout_s: float) -> bool:
        """False where something else came than the answer: the library does not expect events so early."""
        peer = connected(folder, SOCKET, timeout_s=timeout_s)
        try:
            return self._wait(self._met(peer), "greet", timeout_s)
        except BaseException:
            peer.close()
            raise

    async def _met(self, peer: socket.socket) -> bool:
        """The library takes for granted that who has greeted is still there a moment later."""
        try:
            await self._client.connect(peer)
        except AssertionError:
            with contextlib.suppress(QMPError, OSError, EOFError):
                await self._client.disconnect()
            raise EOFError("it ended just after its greeting") from None
        except ConnectError as error:
            if not isinstance(error.exc, NegotiationError):
                raise
            peer.close()
            return False
        return True

    def execute(
        self, command: str, arguments: Mapping[str, object] | None = None, *, timeout_s: float = DEADLINE_S
    ) -> Any:
        """The command's answer. Raises DriverError with QEMU's words, TimedOut or Unreachable."""
        return self._wait(
            self._client.execute(command, dict(arguments) if arguments else None), command, timeout_s
        )

    def hmp(self, line: str, *, timeout_s: float = DEADLINE_S) -> str:
        """What the human monitor prints for this line; only for what has no command of its own."""
        return str(self.execute("human-monitor-command", {"command-line": line}, timeout_s=timeout_s))

    def close(self) -> None:
        if self._loop.is_closed():
            return
        with contextlib.suppress(DriverError):
            self._wait(self._client.disconnect(), "close", CLOSE_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait(self, work: Coroutine[Any, Any, Answer], what: str, timeout_s: float) -> Answer:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(work, timeout_s))
        except TimeoutError:
            raise TimedOut(f"QEMU gave no answer to {what} within {timeout_s:g} s") from None
        except ExecuteError as error:
            raise _refusal(what, str(error)) from error
        except (QMPError, OSError, EOFError) as error:
            raise Unreachable(f"QEMU went away during {what}: {error}") from error


def _refusal(what: str, words: str) -> DriverError:
    """QEMU has one class for nearly every error; what it means is only in its words."""
    kinds = {"does not exist": NotFound, "already exists": Refused}
    kind = next((kinds[phrase] for phrase in kinds if phrase in words), DriverError)
    return kind(f"QEMU refused {what}: {words}")
