"""A browser's upload, in chunks: the file beside the import says how much has come, after a restart too.

Example::

    chunk_received(arriving, offset=0, chunk=data, actor=actor)     # bytes that are here now
"""

import errno
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from audit.services import Actor
from bases.arrivals import received_all
from bases.models import Import
from bases.rights import curators_only
from cowweb.errors import ConflictError, DomainError
from cowweb.live import ring

MOST_CHUNK = 8 << 20


def received_bytes(arriving: Import) -> int:
    """How much is here."""
    try:
        return arriving.path.stat().st_size
    except FileNotFoundError:
        return 0


def chunk_received(arriving: Import, *, offset: int, chunk: bytes, actor: Actor) -> int:
    """Appends a chunk where the last one ended. A gap or an overlap is refused, and what is here is said."""
    if not chunk or len(chunk) > MOST_CHUNK:
        raise DomainError(f"A chunk has 1 to {MOST_CHUNK:,} bytes", field="chunk")
    return parts_received(arriving, offset=offset, parts=[chunk], actor=actor)


def parts_received(arriving: Import, *, offset: int, parts: Iterable[bytes], actor: Actor) -> int:
    curators_only(actor)
    if arriving.way != Import.Way.UPLOAD or arriving.state != Import.State.RECEIVING:
        raise ConflictError(f"Import {arriving.pk} takes nothing: it is {arriving.state}", field="import")
    Path(settings.COWWEB_ARRIVALS).mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(arriving.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        here = appended(descriptor, arriving, offset, parts)
    finally:
        os.close(descriptor)
    Import.objects.filter(pk=arriving.pk).update(received=here, moved_at=timezone.now())
    ring("imports", f"import.{arriving.pk}")
    if here == arriving.size:
        received_all(arriving)
    return here


def uploads_completed() -> int:
    """Goes on with what came whole where the server died before it said so: no more will be sent of it."""
    waiting = Import.objects.filter(way=Import.Way.UPLOAD, state=Import.State.RECEIVING)
    whole = [one for one in waiting if one.size and received_bytes(one) == one.size]
    for arriving in whole:
        Import.objects.filter(pk=arriving.pk).update(received=arriving.size)
        received_all(arriving)
    return len(whole)


def appended(descriptor: int, arriving: Import, offset: int, parts: Iterable[bytes]) -> int:
    """One writer at a time; what could not be written whole is taken back."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError("Another window uploads this file just now", field="import") from None
    here = os.fstat(descriptor).st_size
    if offset != here:
        raise ConflictError(f"offset={offset} is not where it goes on: {here}", field="offset")
    os.lseek(descriptor, here, os.SEEK_SET)
    end = here
    try:
        for part in parts:
            if end + len(part) > arriving.size:
                raise DomainError(f"More came than the {arriving.size:,} bytes announced", field="chunk")
            written_whole(descriptor, part)
            end += len(part)
        os.fsync(descriptor)
    except (OSError, DomainError) as error:
        os.ftruncate(descriptor, here)
        if isinstance(error, OSError):
            full = error.errno == errno.ENOSPC
            words = "The disk is full" if full else f"It could not be written: {error.strerror}"
            raise DomainError(f"{words}; make room and go on", code="host_error") from error
        raise
    return end


def written_whole(descriptor: int, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[os.write(descriptor, view) :]
