"""Files to and from the guest: streamed, and complete or not there at all.

A file may be large and a guest slow, so the deadline is for standing still, not for the whole.

Example::

    put(connection, Path("script"), "/root/script", mode=0o700)
"""

import contextlib
import errno
import stat
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hosts.drivers.agent import wire
from hosts.drivers.agent.commands import Output
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.window import Window
from hosts.drivers.agent.wire import Frame, Type
from hosts.drivers.base import CancelSignal, OnBytes, Stream
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import DriverError, NoSpace, NotFound, Refused, Unreachable

STALL_S = 30.0
GET_LIMIT = 8 << 30  # a guest's file can pretend to have no end
ENTRY = struct.Struct("<IIIQq")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the guest says of a file; links are followed."""

    mode: int
    size: int
    modified: int  # seconds since the epoch


def place_of(connection: Connection, local: Path, remote: str) -> str:
    """Where a file goes: `remote`, or its own name in it where that is a folder."""
    try:
        is_folder = stat.S_ISDIR(look(connection, remote).mode)
    except NotFound:
        is_folder = False
    return f"{remote.rstrip('/')}/{local.name}" if is_folder else remote


def put(
    connection: Connection,
    local: Path,
    remote: str,
    *,
    mode: int,
    cancel: CancelSignal | None = None,
    progress: OnBytes | None = None,
) -> None:
    """The file appears under its name when all of it is there."""
    request = connection.new_id()
    names = wire.fields(("P", _path(remote)), ("M", wire.NUMBER.pack(mode)))
    with _reading(local) as source:
        connection.send(Type.PUT, request, names)
        window = Window(connection, request)
        taken = 0
        for frame in _answers(connection, request, f"writing {remote}", cancel):
            if frame.type is Type.STARTED:
                window.grant(frame.pair()[1])
            elif frame.type is Type.TAKEN:
                taken += frame.number()
                window.grant(frame.number())
                if progress:
                    progress(taken)
            window.feed(source.read)


def get(
    connection: Connection,
    remote: str,
    local: Path,
    *,
    limit: int = GET_LIMIT,
    cancel: CancelSignal | None = None,
    progress: OnBytes | None = None,
) -> None:
    """Refused for a file of more than `limit` bytes. What was at `local` is replaced at the end only."""
    request = connection.new_id()
    with _replacing(local) as target:

        def keep(_stream: Stream, piece: bytes) -> None:
            if target.tell() + len(piece) > limit:
                raise Refused(f"{remote} has more than {limit} bytes")
            target.write(piece)
            if progress:
                progress(target.tell())

        output = Output(connection, request, keep)
        connection.send(Type.GET, request, wire.fields(("P", _path(remote))))
        output.ask()
        for frame in _answers(connection, request, f"reading {remote}", cancel):
            if frame.type is Type.STDOUT:
                output.take("stdout", frame.payload)


def look(connection: Connection, remote: str) -> RemoteFile:
    """NotFound when there is none."""
    request = connection.new_id()
    connection.send(Type.STAT, request, wire.fields(("P", _path(remote))))
    what = f"looking at {remote}"
    frame = connection.answer(request, Type.END, Deadline(STALL_S, what=what))
    _check_end(frame, what)
    if len(frame.payload) != ENTRY.size:
        raise Unreachable(wire.WRONG)
    _, _, mode, size, modified = ENTRY.unpack(frame.payload)
    return RemoteFile(mode, size, modified)


def _path(remote: str) -> bytes:
    if not remote.startswith("/") or "\0" in remote:
        raise Refused(f"{remote!r} is not an absolute path in the guest")
    return remote.encode("utf-8", "surrogateescape")


def _answers(
    connection: Connection, request: int, what: str, cancel: CancelSignal | None = None
) -> Iterator[Frame]:
    """The request's frames up to its end, which raises when it was not a good one."""
    deadline = Deadline(STALL_S, cancel, what=what)
    while True:
        frame = connection.next(deadline)
        if frame is None or frame.id != request:
            continue
        if frame.type is Type.END:
            return _check_end(frame, what)
        yield frame
        deadline = Deadline(STALL_S, cancel, what=what)


def _check_end(frame: Frame, what: str) -> None:
    error = frame.pair()[0]
    if error:
        raise wire.guest_error(error, what)


@contextlib.contextmanager
def _reading(local: Path) -> Iterator[BinaryIO]:
    try:
        source = local.open("rb")
    except FileNotFoundError:
        raise NotFound(f"{local} does not exist") from None
    except OSError as error:
        raise Refused(f"{local} cannot be read: {error.strerror}") from error
    with source:
        yield source


@contextlib.contextmanager
def _replacing(local: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `local` if all goes well, and is gone otherwise."""
    part: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=local.parent, prefix=f".{local.name}.")
        part = Path(name)
        with open(descriptor, "wb") as target:  # noqa: PTH123 - a descriptor, not a path
            yield target
        part.replace(local)
        part = None
    except OSError as error:
        kind = NoSpace if error.errno in {errno.ENOSPC, errno.EDQUOT} else DriverError
        raise kind(f"{local} cannot be written: {error.strerror}") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
