"""Folders as a stream of bytes (tar), made and taken in bounded memory.

What a guest sends is hostile: entries cannot leave the target, links are made last and only when they stay
inside, devices and the like are left out, and the total size has a limit.

Example::

    for chunk in pack(Path("site"), end_mark=".end"):
        send(chunk)
    unpack(stream, Path("copy"), limit_bytes=1 << 30)
"""

import logging
import os
import tarfile
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Self, cast

from hosts.drivers.errors import DriverError, Refused

CHUNK = 1 << 18
MOST_ENTRIES = 1_000_000
LONGEST_HEADER = 1 << 20
NAME_TYPES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X")
log = logging.getLogger(__name__)


def pack(folder: Path, *, end_mark: str) -> Iterator[bytes]:
    """The folder's content: files, folders and links. Refused for anything else, such as a socket."""
    for path in sorted(folder.rglob("*")):
        yield from _pack_entry(path, path.relative_to(folder).as_posix())
    yield _header(tarfile.TarInfo(end_mark))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _pack_entry(path: Path, name: str) -> Iterator[bytes]:
    entry = tarfile.TarInfo(name)
    facts = path.lstat()
    entry.mode, entry.mtime = facts.st_mode & 0o7777, int(facts.st_mtime)
    if path.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, os.fspath(path.readlink())
        yield _header(entry)
    elif path.is_dir():
        entry.type = tarfile.DIRTYPE
        yield _header(entry)
    elif path.is_file():
        yield from _pack_file(path, entry)
    else:
        raise Refused(f"{path} is neither a file nor a folder nor a link")


def _pack_file(path: Path, entry: tarfile.TarInfo) -> Iterator[bytes]:
    with path.open("rb") as file:
        entry.size = os.fstat(file.fileno()).st_size
        yield _header(entry)
        left = entry.size
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise DriverError(f"{path} became shorter while it was copied")
            left -= len(chunk)
            yield chunk
    if padding := -entry.size % tarfile.BLOCKSIZE:  # an empty piece would say that this is the end
        yield bytes(padding)


def _header(entry: tarfile.TarInfo) -> bytes:
    return entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


class _Entry(tarfile.TarInfo):
    """tarfile reads a long name into memory at whatever length its header claims."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in NAME_TYPES and entry.size > LONGEST_HEADER:
            raise Refused("the guest's archive has a name of absurd length")
        return entry


class _Unpacking:
    def __init__(self, target: Path, limit_bytes: int) -> None:
        self.target = target
        self.left = limit_bytes
        self.links: list[tuple[Path, str]] = []

    def take(self, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        parts = PurePosixPath(entry.name).parts
        if entry.name.startswith("/") or ".." in parts:
            raise Refused(f"the guest's archive holds {entry.name!r}, which is outside of the folder")
        place = self.target.joinpath(*parts)
        if entry.isdir():
            place.mkdir(parents=True, exist_ok=True)
        elif entry.issym():
            self.links.append((place, entry.linkname))
        elif entry.islnk():
            self.take_twin(place, entry.linkname)
        elif entry.isreg() and (content := archive.extractfile(entry)):
            self.take_file(place, content, entry.mode)
        else:
            log.warning("left out of the copy, no file: %r", entry.name)

    def take_file(self, place: Path, content: IO[bytes], mode: int) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            while chunk := content.read(CHUNK):
                self.left -= len(chunk)
                if self.left < 0:
                    raise Refused("the folder is larger than may be copied")
                file.write(chunk)
        place.chmod(mode & 0o777 | 0o600)

    def take_twin(self, place: Path, name: str) -> None:
        """A second name of a file that came before. No link exists in the target yet, so none is followed."""
        twin = self.target.joinpath(*PurePosixPath(name).parts)
        if name.startswith("/") or ".." in PurePosixPath(name).parts or not twin.is_file():
            raise Refused(f"the guest's archive names {name!r}, which is not in the folder")
        with twin.open("rb") as content:
            self.take_file(place, content, twin.stat().st_mode)

    def make_links(self) -> None:
        root = self.target.resolve()
        for place, text in self.links:
            place.parent.mkdir(parents=True, exist_ok=True)
            inside = place.parent.resolve().is_relative_to(root)
            if inside and not text.startswith("/") and (place.parent / text).resolve().is_relative_to(root):
                place.symlink_to(text)
            else:
                log.warning("left out of the copy, a link that leaves the folder: %r", place.name)


def unpack(stream: RawIOBase, target: Path, *, limit_bytes: int) -> None:
    """Unpacks into the empty folder `target`. Raises Refused for what no honest archive holds."""
    taking = _Unpacking(target, limit_bytes)
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_Entry) as archive:
            for count, entry in enumerate(archive):
                if count >= MOST_ENTRIES:
                    raise Refused("the folder holds more files than may be copied")
                taking.take(archive, entry)
                archive.members.clear()  # type: ignore[attr-defined]  # it would remember every entry
        taking.make_links()
    except (tarfile.TarError, FileExistsError, NotADirectoryError, ValueError) as error:
        raise Refused(f"the guest's archive makes no sense: {error}") from None
