"""Files and folders that come to this host: whole or not at all, never over something they should not touch.

Example::

    with arriving_file(place_for(Path("copies"), "/etc/hosts")) as file:
        file.write(b"...")
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hosts.drivers.errors import DriverError, NoSpace, Refused

NO_SPACE_LEFT = 28


def place_for(local: Path, remote: str) -> Path:
    """`local`, or the remote's own name in it where it is a folder that exists."""
    if not local.is_dir():
        return local
    name = PurePosixPath(remote).name
    if name in {"", ".", ".."}:
        raise Refused(f"{remote} has no name that could be used in {local}")
    return local / name


@contextlib.contextmanager
def arriving_file(place: Path) -> Iterator[BinaryIO]:
    """A file to write to; it replaces what is at `place` when the block succeeds."""
    if place.is_dir():
        raise Refused(f"{place} exists already and is a folder")
    half = _half(place)
    with _in_words(place):
        try:
            with half.open("xb") as file:
                yield file
            half.replace(place)
        finally:
            half.unlink(missing_ok=True)


@contextlib.contextmanager
def arriving_folder(place: Path) -> Iterator[Path]:
    """An empty folder to fill; it appears at `place` when the block succeeds. Refused when that exists."""
    if os.path.lexists(place):
        raise Refused(f"{place} exists already")
    half = _half(place)
    with _in_words(place):
        try:
            half.mkdir()
            yield half
            half.rename(place)
        finally:
            shutil.rmtree(half, ignore_errors=True)


def _half(place: Path) -> Path:
    return place.with_name(f".arriving-{secrets.token_hex(8)}")


@contextlib.contextmanager
def _in_words(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = NoSpace if error.errno == NO_SPACE_LEFT else DriverError
        raise kind(f"{place} cannot be written: {error.strerror}") from error
