"""A guest with two ways in: ready as soon as one of them is, and the better one as soon as that is there.

Which is better says `open_guest`. A guest that was first reached by the other is asked for the better
one again before each command, briefly.
"""

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from hosts.drivers.base import CancelSignal, Channel, Feed, Guest, OnBytes, OnOutput
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import TimedOut, Unreachable
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import alive
from hosts.drivers.records import ExecResult, MachineRecord
from hosts.drivers.ssh_connect import KeyNotAccepted
from hosts.drivers.ssh_knock import NotListening

BETTER_TURN_S, OTHER_TURN_S = 0.25, 0.15
OTHER_TURN_SHARE, LONGEST_OTHER_TURN_S = 10, 5.0  # a slow guest gets longer, and is asked less often
OTHER_EVERY_S, OTHER_EVERY_TURNS = 0.5, 3  # asking for a way that is not there costs a turn
BETTER_AGAIN_S = 5.0
LOOK_S = 3.0
READY_S = 30.0  # for a guest that nobody has waited for


class Way(Guest, Protocol):
    """A way in that can be looked for in turns."""

    def answers(self, within_s: float, watch: Deadline) -> bool:
        """Whether commands are taken now. Raises KeyNotAccepted or Unreachable for what may come yet,
        Refused and NotListening for what stays."""


class EitherGuest:
    """Implements `Guest` by the better of two ways that is there."""

    def __init__(self, better: Way, other: Way, record: MachineRecord) -> None:
        self._better = better
        self._other = other
        self._record = record
        self._chosen: Way | None = None
        self._ask_better_at = 0.0
        self._why = f"neither {better.channel} nor {other.channel} answered"

    @property
    def channel(self) -> Channel:
        """The way in use; until there is one, the better one."""
        return (self._chosen or self._better).channel

    def wait_ready(self, *, timeout_s: float, cancel: CancelSignal | None = None) -> None:
        """Also raises Refused (another host key than the pinned one) and Unreachable (it does not run)."""
        watch = Deadline(timeout_s, cancel, what="waiting for the guest")
        started = ask_other_at = time.monotonic()
        try:
            while not self._is_there(self._better, BETTER_TURN_S, watch):
                if time.monotonic() >= ask_other_at:
                    share_s = (time.monotonic() - started) / OTHER_TURN_SHARE
                    turn_s = min(LONGEST_OTHER_TURN_S, max(OTHER_TURN_S, share_s))
                    if self._is_there(self._other, turn_s, watch):
                        return
                    ask_other_at = time.monotonic() + max(OTHER_EVERY_S, OTHER_EVERY_TURNS * turn_s)
                self._check_running()
                watch.check()
        except TimedOut as error:
            raise TimedOut(str(error), detail=self._why) from None

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
        """As `Guest.run`; `channel` says which way it went."""
        way = self._way(timeout_s, cancel)
        return way.run(
            command,
            stdin=stdin,
            feed=feed,
            timeout_s=timeout_s,
            on_output=on_output,
            cancel=cancel,
            token=token,
        )

    def end_run(self, token: str) -> int | None:
        """As `Guest.end_run`."""
        return self._way(READY_S, None).end_run(token)

    def put(
        self,
        local: Path,
        remote: str,
        *,
        mode: int = 0o644,
        cancel: CancelSignal | None = None,
        progress: OnBytes | None = None,
    ) -> None:
        """As `Guest.put`."""
        self._way(READY_S, cancel).put(local, remote, mode=mode, cancel=cancel, progress=progress)

    def get(
        self, remote: str, local: Path, *, cancel: CancelSignal | None = None, progress: OnBytes | None = None
    ) -> None:
        """As `Guest.get`."""
        self._way(READY_S, cancel).get(remote, local, cancel=cancel, progress=progress)

    def close(self) -> None:
        self._better.close()
        self._other.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _way(self, timeout_s: float, cancel: CancelSignal | None) -> Way:
        """The better one if it is there or comes now; else what answered before; else whichever is first."""
        if self._chosen is self._better:
            return self._better
        if self._chosen is None:
            self.wait_ready(timeout_s=timeout_s, cancel=cancel)
        if self._chosen is self._other and time.monotonic() >= self._ask_better_at:
            watch = Deadline(min(LOOK_S, timeout_s), cancel, what=f"looking for {self._better.channel}")
            with contextlib.suppress(TimedOut, Unreachable):
                self._is_there(self._better, BETTER_TURN_S, watch)
            self._ask_better_at = time.monotonic() + BETTER_AGAIN_S
        return self._chosen or self._better

    def _is_there(self, way: Way, within_s: float, watch: Deadline) -> bool:
        try:
            answered = way.answers(within_s, watch)
        except KeyNotAccepted as error:
            self._why = str(error)
            return False
        except NotListening:
            raise
        except Unreachable:
            return False  # a machine that lacks this way
        if answered:
            self._chosen = way
        return answered

    def _check_running(self) -> None:
        if not alive(process_of(self._record)):
            raise Unreachable("the machine is not running")
