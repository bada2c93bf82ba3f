"""The way into a guest that has our agent.

Example::

    with AgentGuest(folder) as guest:
        guest.wait_ready(timeout_s=60)
        guest.run("make", on_output=show, timeout_s=600)
"""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from hosts.drivers.agent import files, folders
from hosts.drivers.agent.commands import CommandRun
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.files import RemoteFile
from hosts.drivers.agent.identity import IdentityAck, identify, refresh
from hosts.drivers.agent.wire import Type
from hosts.drivers.arriving import place_for
from hosts.drivers.base import CancelSignal, Channel, Feed, OnBytes, OnOutput
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Busy, Cancelled, DriverError, TimedOut, Unreachable
from hosts.drivers.records import ExecResult, Identity
from hosts.drivers.run_token import ending_script, left_over

CONNECT_S = 10.0
AGAIN_S = 0.1
FORGET_S = 2.0
ANSWER = "an answer of the guest's agent"


class AgentGuest:
    """Implements `Guest`. Connects when first needed and then keeps every other client out until closed.

    After a failed call the next one connects anew.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is the machine's own, where its sockets are."""
        self._folder = folder
        self._connection: Connection | None = None

    @property
    def channel(self) -> Channel:
        return "agent"

    def wait_ready(self, *, timeout_s: float, cancel: CancelSignal | None = None) -> None:
        deadline = Deadline(timeout_s, cancel, what=ANSWER)
        while True:
            try:
                return self._ping(deadline)
            except Unreachable:  # no machine yet, or one that just restarts
                deadline.pause(AGAIN_S)
                deadline.check()

    def answers(self, within_s: float, watch: Deadline) -> bool:
        """Whether the agent is there and free now. Raises Unreachable when there is no such machine."""
        try:
            with self._connected(watch.within(within_s, ANSWER)):
                return True
        except (TimedOut, Busy):
            watch.check()
            return False

    def ping(self, *, timeout_s: float = CONNECT_S) -> None:
        self._ping(Deadline(timeout_s, what=ANSWER))

    def identify(
        self,
        identity: Identity,
        entropy: bytes,
        *,
        machine_id: UUID,
        mac: bytes | None = None,
        timeout_s: float = CONNECT_S,
        cancel: CancelSignal | None = None,
    ) -> IdentityAck:
        """Makes a copied machine another one. Until this returns nothing else may run in it or reach it."""
        deadline = Deadline(timeout_s, cancel, what="giving the guest its identity")
        with self._connected(deadline) as connection:
            return identify(connection, identity, entropy, machine_id=machine_id, mac=mac, deadline=deadline)

    def refresh(self, entropy: bytes, *, timeout_s: float = CONNECT_S) -> IdentityAck:
        """Fresh randomness and the time, for a machine that was away."""
        deadline = Deadline(timeout_s, what="setting the guest's clock")
        with self._connected(deadline) as connection:
            return refresh(connection, entropy, deadline=deadline)

    def run(
        self,
        command: str,
        *,
        stdin: bytes | None = None,
        feed: Feed | None = None,
        timeout_s: float = 60.0,
        on_output: OnOutput | None = None,
        cancel: CancelSignal | None = None,
        token: str | None = None,
    ) -> ExecResult:
        """As `Guest` says; the command runs as root."""
        deadline = Deadline(timeout_s, cancel, what="the command")
        with self._connected(deadline) as connection:
            started = CommandRun(
                connection, command, stdin=stdin, feed=feed, on_output=on_output, token=token
            )
            return started.until(deadline)

    def end_run(self, token: str) -> int | None:
        return left_over(self.run("sh -s", stdin=ending_script(token), timeout_s=CONNECT_S).stdout)

    def put(
        self,
        local: Path,
        remote: str,
        *,
        mode: int = 0o644,
        cancel: CancelSignal | None = None,
        progress: OnBytes | None = None,
    ) -> None:
        """As `Guest.put`; an existing folder as `remote` takes a file under its own name."""
        if local.is_dir():
            return folders.put(self, local, remote, cancel=cancel, progress=progress)
        try:
            with self._connected(Deadline(CONNECT_S, what=ANSWER)) as connection:
                place = files.place_of(connection, local, remote)
                files.put(connection, local, place, mode=mode, cancel=cancel, progress=progress)
        except (Cancelled, TimedOut):
            with contextlib.suppress(DriverError):
                self.ping(timeout_s=FORGET_S)  # greeted anew, the agent deletes what is half there
            raise
        return None

    def get(
        self,
        remote: str,
        local: Path,
        *,
        cancel: CancelSignal | None = None,
        progress: OnBytes | None = None,
    ) -> None:
        """As `Guest.get`."""
        with self._connected(Deadline(CONNECT_S, what=ANSWER)) as connection:
            is_folder = stat.S_ISDIR(files.look(connection, remote).mode)
            if not is_folder:
                place = place_for(local, remote)
                return files.get(connection, remote, place, cancel=cancel, progress=progress)
        return folders.get(self, remote, local, cancel=cancel, progress=progress)

    def stat(self, remote: str) -> RemoteFile:
        with self._connected(Deadline(CONNECT_S, what=ANSWER)) as connection:
            return files.look(connection, remote)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ping(self, deadline: Deadline) -> None:
        with self._connected(deadline) as connection:
            request = connection.new_id()
            connection.send(Type.PING, request)
            connection.answer(request, Type.PONG, deadline)

    @contextlib.contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[Connection]:
        """The connection; after any failure a new one is made, and with it everything half done forgotten."""
        if self._connection is None:
            self._connection = Connection(self._folder, deadline=deadline)
        try:
            yield self._connection
        except BaseException:
            self.close()
            raise
