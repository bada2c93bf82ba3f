"""Ends for streams of bytes: what a command prints is kept within limits, what is sent comes in pieces."""

from collections.abc import Callable, Iterator
from io import RawIOBase
from pathlib import Path

from hosts.drivers.base import Feed, OnBytes, OnOutput, Stream
from hosts.drivers.errors import DriverError, NotFound, Refused

CHUNK = 1 << 18
KEPT_AT_MOST = 16 << 20
ERRORS_KEPT = 1 << 16
Progress = OnBytes


class Kept:
    """Keeps what a command prints. A command that prints more is to be streamed: Refused, so it is ended."""

    def __init__(self, limit: int = KEPT_AT_MOST) -> None:
        self.limit = limit
        self.stdout = bytearray()
        self.stderr = bytearray()

    def take(self, stream: Stream, data: bytes) -> None:
        if len(self.stdout) + len(self.stderr) + len(data) > self.limit:
            raise Refused(f"the command printed more than {self.limit} bytes")
        (self.stdout if stream == "stdout" else self.stderr).extend(data)

    def only_stdout(self, events: Iterator[tuple[Stream, bytes]]) -> Iterator[bytes]:
        """The pieces of stdout; stderr is kept."""
        for stream, data in events:
            if stream == "stdout":
                yield data
            else:
                self.keep_error(data)

    def keep_error(self, data: bytes) -> None:
        self.stderr.extend(data[: max(0, ERRORS_KEPT - len(self.stderr))])

    def take_errors(self, into: Callable[[bytes], object]) -> OnOutput:
        """Keeps stderr, and passes stdout on."""

        def take(stream: Stream, data: bytes) -> None:
            if stream == "stdout":
                into(data)
            else:
                self.keep_error(data)

        return take


class Pulled(RawIOBase):
    """A file to read from, over pieces that come one by one."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        piece, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return piece


def counted(pieces: Iterator[bytes], progress: Progress | None) -> Iterator[bytes]:
    """The same pieces, with their sum told after each."""
    total = 0
    for piece in pieces:
        yield piece
        total += len(piece)
        if progress:
            progress(total)


def limited(
    write: Callable[[bytes], object], limit: int, progress: Progress | None
) -> Callable[[bytes], None]:
    """The same writer, Refused beyond so many bytes, with their sum told after each piece."""
    total = 0

    def take(piece: bytes) -> None:
        nonlocal total
        total += len(piece)
        if total > limit:
            raise Refused(f"it is larger than {limit} bytes")
        write(piece)
        if progress:
            progress(total)

    return take


def in_pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))


def fed(start: bytes, feed: Feed | None) -> Iterator[bytes | None]:
    """The start, then what is fed until that ends; None where there is nothing yet."""
    yield from in_pieces(start)
    while feed is not None and (piece := feed()) != b"":
        yield piece


class Input:
    """The same to read from: None where there is nothing yet, empty at the end."""

    def __init__(self, start: bytes, feed: Feed | None) -> None:
        self._pieces = fed(start, feed)
        self._rest = b""

    def read(self, size: int) -> bytes | None:
        if not self._rest:
            piece = next(self._pieces, b"")
            if piece is None:
                return None
            self._rest = piece
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def file_pieces(path: Path, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes of the file."""
    left = size
    with path.open("rb") as file:
        while left:
            piece = file.read(min(CHUNK, left))
            if not piece:
                raise DriverError(f"{path} became shorter while it was copied")
            left -= len(piece)
            yield piece


def file_size(path: Path) -> int:
    """Of a regular file. Raises NotFound or Refused."""
    if not path.exists():
        raise NotFound(f"{path} is not there")
    if not path.is_file():
        raise Refused(f"{path} is neither a file nor a folder")
    return path.stat().st_size
