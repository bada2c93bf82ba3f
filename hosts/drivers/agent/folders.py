"""Folders to and from the guest: a tar archive through a command's input or output.

What comes is kept in a file first, so that the guest's archive is taken apart in bounded memory, at our pace.

Example::

    put(guest, Path("site"), "/srv/site")
    get(guest, "/srv/site", Path("copy"))
"""

import tempfile
from io import RawIOBase
from pathlib import Path
from typing import Protocol, cast

from hosts.drivers.arriving import arriving_folder, place_for
from hosts.drivers.base import CancelSignal, Feed, OnBytes, OnOutput
from hosts.drivers.errors import Cancelled
from hosts.drivers.folders import pack, unpack
from hosts.drivers.records import ExecResult
from hosts.drivers.run_token import new_token
from hosts.drivers.streams import Kept, counted, limited
from hosts.drivers.transfer import check_copied, end_mark, get_folder_script, put_folder_script

COPY_S = 3600.0
LARGEST_COPY = 64 << 30


class Runs(Protocol):
    """The part of a guest that is needed here."""

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
    ) -> ExecResult: ...


def put(
    guest: Runs, local: Path, remote: str, *, cancel: CancelSignal | None, progress: OnBytes | None
) -> None:
    """The folder's files join those of a folder that is there, once all have arrived."""
    token = new_token()
    pieces = counted(pack(local, end_mark=end_mark(token)), progress)
    result = guest.run(
        put_folder_script(remote, token=token),
        feed=lambda: next(pieces, b""),
        timeout_s=COPY_S,
        cancel=cancel,
        token=token,
    )
    _checked(result, remote, cancel)


def get(
    guest: Runs, remote: str, local: Path, *, cancel: CancelSignal | None, progress: OnBytes | None
) -> None:
    """The folder as it is in the guest, where `local` does not exist yet."""
    kept = Kept()
    place = place_for(local, remote)
    with arriving_folder(place) as folder, tempfile.TemporaryFile(dir=place.parent) as archive:
        take = kept.take_errors(limited(archive.write, LARGEST_COPY, progress))
        result = guest.run(get_folder_script(remote), timeout_s=COPY_S, on_output=take, cancel=cancel)
        _checked(ExecResult(result.exit_code, b"", bytes(kept.stderr)), remote, cancel)
        archive.seek(0)
        unpack(cast("RawIOBase", archive), folder, limit_bytes=LARGEST_COPY)


def _checked(result: ExecResult, remote: str, cancel: CancelSignal | None) -> None:
    """A cancelled script may still end by itself, and then says that not all has come."""
    if result.exit_code and cancel is not None and cancel.is_set():
        raise Cancelled("the copy was cancelled")
    check_copied(result, remote)
