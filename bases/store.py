"""The store: files named by their sha256, read-only, never replaced.

Example::

    digest = keep(Path("import/demo.qcow2"), "qcow2")   # store/<digest>.qcow2
"""

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from bases.gate.opening import opened
from bases.models import stored
from cowweb.errors import ConflictError, DomainError
from hosts.jobs import start_ticks

BLOCK = 1 << 20
ARRIVING = re.compile(r"\.arriving-(\d{1,10})-(\d{1,20})-[0-9a-f]{16}", re.ASCII)

Names = Callable[[], set[str]]
NAMES: list[Names] = []


def names_from(names: Names) -> Names:
    """For an app that keeps files here beside the bases' own: `names` tells those that it answers for."""
    NAMES.append(names)
    return names


def digest_of(path: Path) -> str:
    """The file's sha256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(source: Path, suffix: str, *, inspect: Callable[[Path], object] | None = None) -> str:
    """Copies a file into the store and returns its digest. `inspect` sees the copy, which is what counts,
    before it is kept. On a full disk, or when `inspect` refuses, nothing is left behind."""
    store = Path(settings.COWWEB_STORE)
    store.mkdir(parents=True, exist_ok=True)
    arriving = arriving_in(store)
    try:
        digest = copied(source, arriving)
        if inspect:
            inspect(arriving)
        arriving.chmod(0o444)
        linked(arriving, stored(digest, suffix), digest)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DomainError(
                "The store's file system is full; nothing was kept", code="host_error"
            ) from error
        raise
    finally:
        arriving.unlink(missing_ok=True)
    return digest


def arriving_in(store: Path) -> Path:
    """A new name for what is being copied, which tells who copies it."""
    pid = os.getpid()
    return store / f".arriving-{pid}-{start_ticks(pid)}-{secrets.token_hex(8)}"


def is_abandoned(arriving: Path) -> bool:
    """Whether it is half a copy, and the process that made it is no more."""
    made_by = ARRIVING.fullmatch(arriving.name)
    return made_by is not None and start_ticks(int(made_by[1])) != int(made_by[2])


def copied(source: Path, target: Path) -> str:
    """Copies block by block, keeping holes as holes, synced to disk; returns the sha256."""
    digest = hashlib.sha256()
    with opened(source) as reader, target.open("xb") as writer:
        before = os.fstat(reader.fileno())
        while reader.tell() <= before.st_size and (block := reader.read(BLOCK)):
            digest.update(block)
            if block.count(0) == len(block):
                writer.seek(len(block), os.SEEK_CUR)
            else:
                writer.write(block)
        writer.truncate(reader.tell())
        os.fsync(writer.fileno())
        after = os.fstat(reader.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ConflictError(
            f"{source.name} was written to while it was copied; nothing was kept", field="disk"
        )
    return digest.hexdigest()


def identity_of(path: Path) -> str:
    """What changes when a file is written to, replaced or moved, told without reading it."""
    facts = path.stat(follow_symlinks=False)
    return f"{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}:{facts.st_ctime_ns}"


def linked(arriving: Path, final: Path, digest: str) -> None:
    """Gives the copy its name; a file that has it already must have the same bytes, and stays."""
    try:
        os.link(arriving, final)
    except FileExistsError:
        if digest_of(final) != digest:
            raise ConflictError(
                f"{final.name} in the store no longer matches its digest; it is neither used nor replaced"
            ) from None
        return
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
