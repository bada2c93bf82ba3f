"""The way into a guest by QEMU's own agent: it needs no network, but is slow.

Example::

    with QgaGuest(spec.folder) as guest:
        guest.wait_ready(timeout_s=60)
        print(guest.run("hostname").stdout)
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from hosts.drivers.agent import qga_awake
from hosts.drivers.arriving import arriving_file, arriving_folder, place_for
from hosts.drivers.base import CancelSignal, Channel, Feed, OnOutput
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Busy, Cancelled, DriverError, Refused, TimedOut, Unreachable
from hosts.drivers.folders import pack, unpack
from hosts.drivers.qga import GuestAgent
from hosts.drivers.qga_files import read_file, write_file
from hosts.drivers.qga_run import remove_later, run_captured, run_command
from hosts.drivers.records import ExecResult
from hosts.drivers.run_token import AS_ROOT, ending_script, left_over, marked, new_token, with_outcome
from hosts.drivers.streams import Kept, Progress, Pulled, counted, file_pieces, file_size, limited
from hosts.drivers.transfer import (
    IsFolder,
    check_copied,
    check_file_script,
    end_mark,
    file_place_script,
    finish_file_script,
    get_folder_script,
    put_folder_script,
)

COPY_S = 3600.0
END_RUN_S = 5.0
ANSWER_S = 10.0
SETTLE_S = 1.0
TURN_S = 2.0  # then others may have the agent
LARGEST_COPY = 64 << 30


class QgaGuest:
    """Implements `Guest`. Relative names are below /root, as for a login."""

    channel: Channel = "qga"

    def __init__(self, folder: Path, *, rests: bool = False) -> None:
        """`rests`: our agent is there too, and lets this one go on for those who want it."""
        self.agent = GuestAgent(folder)
        self._awake = contextlib.ExitStack()
        if rests:
            self._awake.enter_context(qga_awake(folder))
        self._is_owed = False  # an answer that nobody waited for

    def wait_ready(self, *, timeout_s: float, cancel: CancelSignal | None = None) -> None:
        watch = Deadline(timeout_s, cancel, what="waiting for the guest agent")
        while True:
            if self.answers(TURN_S, watch):
                return
            watch.pause(0.1)
            watch.check()

    def answers(self, within_s: float, watch: Deadline) -> bool:
        """Whether the agent takes commands now. Raises Unreachable when there is no such machine."""
        try:
            with self.agent.session(watch.within(within_s, "the guest agent's answer")) as session:
                session.call("guest-ping")
        except Busy:
            watch.check()
            return False
        except TimedOut:
            self._is_owed = True
            watch.check()
            return False
        self._is_owed = False
        return True

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
        """As `Guest.run`. The agent is slow: input at some 100 kB/s where the guest is emulated."""
        if feed is not None:
            raise Refused("QEMU's guest agent takes no input while a command runs: our agent and SSH do")
        watch = Deadline(timeout_s, cancel, what="the command")
        return self._run(command, stdin or b"", watch, token or new_token(), on_output)

    def end_run(self, token: str) -> int | None:
        """Ends what was started with this token; how many processes are left, None when that is unknown."""
        watch = Deadline(END_RUN_S, what="ending the command's processes")
        try:
            return left_over(run_captured(self.agent, AS_ROOT, ending_script(token), watch).stdout)
        except DriverError:
            return None

    def shutdown(self) -> None:
        """Asks the guest to power off; the agent answers only when it will not."""
        with self.agent.session(Deadline(ANSWER_S, what="asking the guest to power off")) as session:
            session.send("guest-shutdown", {"mode": "powerdown"})

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
        watch = Deadline(timeout_s, cancel, what=f"copying {local.name}")
        remote, token = _from_root(remote), new_token()
        if local.is_dir():
            archive = f"/tmp/.cowweb-{new_token()}.tar"  # noqa: S108  # in the guest, a name of our own
            pieces = counted(pack(local, end_mark=end_mark(token)), progress)
            with self._parcel(archive):
                write_file(self.agent, archive, pieces, watch)
                self._copied(put_folder_script(remote, token=token, archive=archive), remote, watch, token)
            return
        size = file_size(local)
        place = self._copied(file_place_script(remote, local.name, token), remote, watch, token)
        half = place.decode(errors="surrogateescape")
        with self._parcel(half):
            write_file(self.agent, half, counted(file_pieces(local, size), progress), watch)
            finish = finish_file_script(remote, local.name, size=size, mode=mode, token=token)
            self._copied(finish, remote, watch, token)

    def get(
        self,
        remote: str,
        local: Path,
        *,
        timeout_s: float = COPY_S,
        cancel: CancelSignal | None = None,
        progress: Progress | None = None,
        limit_bytes: int = LARGEST_COPY,
    ) -> None:
        """As `SshGuest.get`."""
        watch = Deadline(timeout_s, cancel, what=f"copying {remote}")
        remote, place = _from_root(remote), place_for(local, remote)
        try:
            self._copied(check_file_script(remote), remote, watch, new_token())
        except IsFolder:
            return self._get_folder(remote, place, watch, limit_bytes, progress)
        with arriving_file(place) as file:
            take = limited(file.write, limit_bytes, progress)
            for piece in read_file(self.agent, remote, watch):
                take(piece)
        return None

    def _get_folder(
        self, remote: str, place: Path, watch: Deadline, limit_bytes: int, progress: Progress | None
    ) -> None:
        token = new_token()
        archive = f"/tmp/.cowweb-{new_token()}.tar"  # noqa: S108
        with arriving_folder(place) as folder, self._parcel(archive):
            self._copied(get_folder_script(remote, archive=archive), remote, watch, token)
            pieces = counted(read_file(self.agent, archive, watch), progress)
            unpack(Pulled(pieces), folder, limit_bytes=limit_bytes)

    @contextlib.contextmanager
    def _parcel(self, path: str) -> Iterator[None]:
        """A file in the guest that is on its way, and gone afterwards."""
        try:
            yield
        finally:
            cleaning = Deadline(END_RUN_S, what="cleaning up")
            with contextlib.suppress(DriverError), self.agent.session(cleaning) as session:
                remove_later(session, path)

    def _copied(self, script: str, remote: str, watch: Deadline, token: str) -> bytes:
        with self._ending(token):
            result = run_captured(self.agent, marked(script, token), b"", watch)
        check_copied(result, remote)
        return result.stdout

    def _run(
        self, command: str, stdin: bytes, watch: Deadline, token: str, on_output: OnOutput | None = None
    ) -> ExecResult:
        kept = Kept()
        with self._ending(token):
            code = run_command(self.agent, command, stdin, watch, token, on_output or kept.take)
        return ExecResult(code, bytes(kept.stdout), bytes(kept.stderr))

    @contextlib.contextmanager
    def _ending(self, token: str) -> Iterator[None]:
        """When the block fails, what carries the token is ended."""
        try:
            yield
        except (TimedOut, Cancelled) as stopped:
            raise with_outcome(stopped, self.end_run(token)) from None
        except Unreachable:
            raise
        except BaseException:
            self.end_run(token)
            raise

    def close(self) -> None:
        """Nothing is held open between two calls. An agent whose answer nobody takes would use all of a
        processor to get rid of it, so one that was asked and not waited for is heard out, briefly."""
        with self._awake:
            if self._is_owed:
                self._is_owed = False
                with contextlib.suppress(DriverError):
                    self.answers(SETTLE_S, Deadline(SETTLE_S, what="hearing the guest agent out"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _from_root(remote: str) -> str:
    return remote if remote.startswith("/") or not remote else f"/root/{remote}"
