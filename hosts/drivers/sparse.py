"""Copying a file with holes: only what is allocated is read and written."""

import errno
import os
from pathlib import Path

BLOCK = 1 << 24


def sparse_copy(source: Path, target: Path) -> None:
    """The same bytes, the same holes; on the disk when this returns."""
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(reader).st_size
            os.ftruncate(writer, size)
            copy_extents(reader, writer)
            os.fsync(writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def copy_extents(reader: int, writer: int) -> None:
    end = 0
    while True:
        try:
            start = os.lseek(reader, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(reader, start, os.SEEK_HOLE)
        os.lseek(writer, start, os.SEEK_SET)
        while start < end:
            start += os.sendfile(writer, reader, start, min(BLOCK, end - start))
