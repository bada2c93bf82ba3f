"""The way into a guest over SSH: commands with live output, and files, on one connection that is kept.

Example::

    with SshGuest(port, identity) as guest:
        guest.wait_ready(timeout_s=60)
        guest.run("apt-get update", timeout_s=300, on_output=lambda stream, data: log(stream, data))
        guest.put(Path("site"), "/srv/site")
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from hosts.drivers.arriving import arriving_file, arriving_folder, place_for
from hosts.drivers.base import CancelSignal, Channel, Feed, OnOutput, Shell, Size
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Cancelled, TimedOut, Unreachable
from hosts.drivers.folders import pack, unpack
from hosts.drivers.records import ExecResult, Identity
from hosts.drivers.run_token import marked, new_token, with_outcome
from hosts.drivers.ssh_connect import KeyNotAccepted
from hosts.drivers.ssh_link import SshLink
from hosts.drivers.ssh_run import RemoteRun
from hosts.drivers.ssh_shell import open_shell
from hosts.drivers.streams import (
    Kept,
    Progress,
    Pulled,
    counted,
    fed,
    file_pieces,
    file_size,
    in_pieces,
    limited,
)
from hosts.drivers.transfer import (
    IsFolder,
    check_copied,
    end_mark,
    get_file_script,
    get_folder_script,
    put_file_script,
    put_folder_script,
)

KNOCK_S = 0.1
COPY_S = 3600.0
SHELL_S = 20.0
SILENCE_S = 30.0
LARGEST_COPY = 64 << 30


class SshGuest:
    """Implements `Guest`. Connects when first used and again when the connection was lost; for one thread."""

    channel: Channel = "ssh"

    def __init__(self, port: int, identity: Identity, *, silence_s: float = SILENCE_S) -> None:
        """`port` is where the guest's port 22 answers on 127.0.0.1. A guest without any sign of life for
        `silence_s` while a command runs is given up as Unreachable."""
        self.link = SshLink(port, identity, silence_s=silence_s)

    def wait_ready(self, *, timeout_s: float, cancel: CancelSignal | None = None) -> None:
        """Also raises Refused (another host key than the pinned one) and Unreachable (no such machine)."""
        watch = Deadline(timeout_s, cancel, what="waiting for the guest's SSH server")
        why = "no SSH server answered"
        try:
            while True:
                try:
                    if self.answers(KNOCK_S, watch):
                        return
                except KeyNotAccepted as error:
                    why = str(error)  # the first-boot hook may not have put the key in place yet
                    watch.pause(KNOCK_S)
                watch.check()
        except TimedOut as error:
            raise TimedOut(str(error), detail=why) from None

    def answers(self, within_s: float, watch: Deadline) -> bool:
        """As `SshLink.answers`."""
        return self.link.answers(within_s, watch)

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
        """As `Guest.run`. With `token` another process can end the command later, by `end_run`."""
        watch = Deadline(timeout_s, cancel, what="the command")
        kept = Kept()
        code = self._stream(command, fed(stdin or b"", feed), watch, on_output or kept.take, token)
        return ExecResult(code, bytes(kept.stdout), bytes(kept.stderr))

    def end_run(self, token: str) -> int | None:
        """Ends what was started with this token; how many processes are left, None when that is unknown."""
        return self.link.end_run(token)

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
        """A file, whole or not at all; or a folder, whose files join those of a folder that is there."""
        watch = Deadline(timeout_s, cancel, what=f"copying {local.name}")
        token = new_token()
        if local.is_dir():
            script, pieces = put_folder_script(remote, token=token), pack(local, end_mark=end_mark(token))
        else:
            size = file_size(local)
            script = put_file_script(remote, local.name, size=size, mode=mode, token=token)
            pieces = file_pieces(local, size)
        kept = Kept()
        code = self._stream(script, counted(pieces, progress), watch, kept.take, token)
        check_copied(ExecResult(code, b"", bytes(kept.stderr)), remote)

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
        """A file, which replaces `local`; or a folder, where `local` does not exist yet."""
        watch = Deadline(timeout_s, cancel, what=f"copying {remote}")
        place = place_for(local, remote)
        try:
            kept = Kept()
            with arriving_file(place) as file:
                take = kept.take_errors(limited(file.write, limit_bytes, progress))
                code = self._stream(get_file_script(remote), in_pieces(b""), watch, take)
                check_copied(ExecResult(code, b"", bytes(kept.stderr)), remote)
        except IsFolder:
            self._get_folder(remote, place, watch, limit_bytes, progress)

    def _get_folder(
        self, remote: str, place: Path, watch: Deadline, limit_bytes: int, progress: Progress | None
    ) -> None:
        kept = Kept()
        with arriving_folder(place) as folder, self._running(get_folder_script(remote), watch) as remote_run:
            pieces = kept.only_stdout(remote_run.events())
            unpack(Pulled(counted(pieces, progress)), folder, limit_bytes=limit_bytes)
            for _ in pieces:  # what follows the archive's end
                pass
            check_copied(ExecResult(remote_run.exit_code, b"", bytes(kept.stderr)), remote)

    def _stream(
        self,
        command: str,
        stdin: Iterator[bytes | None],
        watch: Deadline,
        take: OnOutput,
        token: str | None = None,
    ) -> int:
        """Runs to the end, with its output passed on; its exit status."""
        with self._running(command, watch, stdin=stdin, token=token) as remote:
            for stream, data in remote.events():
                take(stream, data)
            return remote.exit_code

    @contextlib.contextmanager
    def _running(
        self,
        command: str,
        watch: Deadline,
        *,
        stdin: Iterator[bytes | None] | None = None,
        token: str | None = None,
    ) -> Iterator[RemoteRun]:
        """The running command; when the block fails for any reason, its processes are ended."""
        token = token or new_token()
        self.link.transport(watch)  # before the block: a failure here has started nothing
        try:
            with self.link.start(marked(command, token), stdin or in_pieces(b""), watch) as remote:
                yield remote
        except (TimedOut, Cancelled) as stopped:
            raise with_outcome(stopped, self.end_run(token)) from None
        except Unreachable:
            watch.check()
            raise
        except BaseException:
            self.end_run(token)
            raise

    def shell(self, size: Size) -> Shell:
        """A terminal, which takes this connection with it when it ends."""
        watch = Deadline(SHELL_S, what="opening a terminal")
        return open_shell(self.link.transport(watch), size, watch)

    def close(self) -> None:
        self.link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
