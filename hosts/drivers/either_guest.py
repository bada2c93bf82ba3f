"""A guest with two ways in: ready as soon as one of them is, and SSH as soon as that is there.

SSH is faster by far, so a guest that was first reached by its agent is asked for SSH again
before each command, briefly.
"""

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from hosts.drivers.base import CancelSignal, Channel, Feed, OnOutput
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import TimedOut, Unreachable
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import alive
from hosts.drivers.qga_guest import QgaGuest
from hosts.drivers.records import ExecResult, MachineRecord
from hosts.drivers.ssh import COPY_S, SshGuest
from hosts.drivers.ssh_connect import KeyNotAccepted
from hosts.drivers.streams import Progress

SSH_TURN_S, QGA_TURN_S = 0.25, 0.15
QGA_TURN_SHARE, LONGEST_QGA_TURN_S = 10, 5.0  # a slow guest gets longer, and is asked less often
QGA_EVERY_S, QGA_EVERY_TURNS = 0.5, 3  # asking an agent that is not there costs a turn
SSH_AGAIN_S = 5.0
LOOK_S = 3.0
READY_S = 30.0  # for a guest that nobody has waited for


class EitherGuest:
    """Implements `Guest`, by `SshGuest` or `QgaGuest`."""

    def __init__(self, ssh: SshGuest, qga: QgaGuest, record: MachineRecord) -> None:
        self._ssh = ssh
        self._qga = qga
        self._record = record
        self._chosen: SshGuest | QgaGuest | None = None
        self._ask_ssh_at = 0.0
        self._why = "neither its SSH server nor its agent answered"

    @property
    def channel(self) -> Channel:
        """The way in use; until there is one, the way that is preferred."""
        return (self._chosen or self._ssh).channel

    def wait_ready(self, *, timeout_s: float, cancel: CancelSignal | None = None) -> None:
        """Also raises Refused (another host key than the pinned one) and Unreachable (it does not run)."""
        watch = Deadline(timeout_s, cancel, what="waiting for the guest")
        started = ask_qga_at = time.monotonic()
        try:
            while not self._ssh_answers(SSH_TURN_S, watch):
                if time.monotonic() >= ask_qga_at:
                    share_s = (time.monotonic() - started) / QGA_TURN_SHARE
                    turn_s = min(LONGEST_QGA_TURN_S, max(QGA_TURN_S, share_s))
                    if self._qga_answers(turn_s, watch):
                        return
                    ask_qga_at = time.monotonic() + max(QGA_EVERY_S, QGA_EVERY_TURNS * turn_s)
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
        """As `SshGuest.end_run`."""
        return self._way(READY_S, None).end_run(token)

    def put(
        self,
        local: Path,
        remote: str,
        *,
        mode: int = 0o644,
        timeout_s: float = COPY_S,
        cancel: CancelSignal | None = None,
        progress: Progress | None = None,
    ) -> None:
        """As `SshGuest.put`."""
        way = self._way(READY_S, cancel)
        way.put(local, remote, mode=mode, timeout_s=timeout_s, cancel=cancel, progress=progress)

    def get(
        self,
        remote: str,
        local: Path,
        *,
        timeout_s: float = COPY_S,
        cancel: CancelSignal | None = None,
        progress: Progress | None = None,
    ) -> None:
        """As `SshGuest.get`."""
        way = self._way(READY_S, cancel)
        way.get(remote, local, timeout_s=timeout_s, cancel=cancel, progress=progress)

    def close(self) -> None:
        self._ssh.close()
        self._qga.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _way(self, timeout_s: float, cancel: CancelSignal | None) -> SshGuest | QgaGuest:
        """SSH if it is up or comes up now; else what answered before; else whichever answers first."""
        if self._chosen is self._ssh:
            return self._ssh
        if self._chosen is None:
            self.wait_ready(timeout_s=timeout_s, cancel=cancel)
        if self._chosen is self._qga and time.monotonic() >= self._ask_ssh_at:
            watch = Deadline(min(LOOK_S, timeout_s), cancel, what="looking for SSH")
            with contextlib.suppress(TimedOut, Unreachable):
                self._ssh_answers(SSH_TURN_S, watch)
            self._ask_ssh_at = time.monotonic() + SSH_AGAIN_S
        return self._chosen or self._ssh

    def _ssh_answers(self, within_s: float, watch: Deadline) -> bool:
        try:
            answered = self._ssh.link.answers(within_s, watch)
        except KeyNotAccepted as error:
            self._why = str(error)
            return False
        if answered:
            self._chosen = self._ssh
        return answered

    def _qga_answers(self, within_s: float, watch: Deadline) -> bool:
        try:
            answered = self._qga.answers(within_s, watch)
        except Unreachable:
            return False  # a machine without an agent's port
        if answered:
            self._chosen = self._qga
        return answered

    def _check_running(self) -> None:
        if not alive(process_of(self._record)):
            raise Unreachable("the machine is not running")
