"""Opening a stranger's file: a regular file with one name, and what is read is what was looked at.

Example::

    with opened(folder / "disk.qcow2") as file:
        start = os.pread(file.fileno(), 512, 0)
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path

from django.conf import settings

from cowweb.errors import NotFoundError, UnsafeImageError


@contextlib.contextmanager
def opened(path: Path) -> Iterator[FileIO]:
    """The file, for reading. No link is followed below the import folder, and no device or pipe is opened."""
    try:
        place, parts = below(path)
        descriptor = walked(place, parts)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path.name!r}", field="disk") from None
    except OSError as error:
        raise UnsafeImageError(f"{path.name} cannot be opened: {error.strerror}", field="disk") from None
    with FileIO(descriptor, "rb") as file:
        yield file


def below(path: Path) -> tuple[Path, Sequence[str]]:
    """The folder that is trusted, and the way from there. Outside the import folders that is its own."""
    for folder in (Path(folder).resolve() for folder in settings.COWWEB_IMPORT_FOLDERS):
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).parts
            if not parts or ".." in parts:
                break
            return folder, parts
    return path.parent, (path.name,)


def walked(place: Path, parts: Sequence[str]) -> int:
    """Step by step, so that no step can be swapped for a link; what it is is known before it is opened."""
    with contextlib.ExitStack() as steps:
        at = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        steps.callback(os.close, at)
        for part in parts[:-1]:
            at = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            steps.callback(os.close, at)
        found = os.open(parts[-1], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        steps.callback(os.close, found)
        plain_file(os.fstat(found), parts[-1])
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def plain_file(facts: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise UnsafeImageError(f"{name} is no regular file", field="disk")
    if facts.st_nlink != 1:
        raise UnsafeImageError(
            f"{name} has {facts.st_nlink} names (hard links): whoever holds another could change it",
            field="disk",
        )
