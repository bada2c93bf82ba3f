"""Doing one copy between the site and a guest: in bounded time of notice, whole or not at all.

Example::

    file_copied(copy.pk)      # raises what made it fail, after the copy's row says so
"""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from clones.copy_sizes import size_in_guest
from clones.file_models import FileCopy
from clones.machines import free_guest
from cowweb.errors import DomainError
from cowweb.flags import Flag
from cowweb.live import ring
from hosts.drivers.base import Guest
from hosts.drivers.errors import Cancelled, DriverError

Status = FileCopy.Status
TELL_S = 0.3


class Told:
    """Writes how far a copy is, a few times a second."""

    def __init__(self, copy: FileCopy) -> None:
        self.copy, self.next_at = copy, 0.0

    def __call__(self, total: int) -> None:
        now = time.monotonic()
        if now >= self.next_at:
            self.next_at = now + TELL_S
            with transaction.atomic():
                FileCopy.objects.filter(pk=self.copy.pk).update(bytes_done=total)
                ring(f"clone.{self.copy.clone_id}")


class Stop(Flag):
    """Set once someone asked for the copy to end."""

    def __init__(self, copy: FileCopy) -> None:
        asked = FileCopy.objects.filter(pk=copy.pk, cancel_asked_at__isnull=False)
        super().__init__(asked.exists)

    def check(self) -> None:
        if self.is_set():
            raise Cancelled("the copy was cancelled")


def file_copied(copy_id: int) -> None:
    """Does one copy. Begun again after its server died, it copies anew: nothing of it was visible before."""
    copy = FileCopy.objects.select_related("clone__revision__base", "clone__host").get(pk=copy_id)
    if not FileCopy.objects.filter(pk=copy_id, status__in=FileCopy.UNFINISHED).update(status=Status.COPYING):
        if copy.status == Status.CANCELLED:
            raise Cancelled("the copy was cancelled before it began")
        return
    stop = Stop(copy)
    with ending(copy):
        stop.check()
        with free_guest(copy.clone) as guest:
            if copy.way == FileCopy.Way.IN:
                sent_in(copy, guest, stop)
            else:
                brought_out(copy, guest, stop)


def sent_in(copy: FileCopy, guest: Guest, stop: Stop) -> None:
    local = Path(copy.local) if copy.local else copy.folder / copy.name
    remote = copy.remote if copy.local else f"{copy.remote.rstrip('/')}/{copy.name}"
    size = bytes_of(local) if copy.size is None else copy.size
    FileCopy.objects.filter(pk=copy.pk).update(size=size)
    guest.put(local, remote, cancel=stop, progress=Told(copy))
    FileCopy.objects.filter(pk=copy.pk).update(bytes_done=size)


def brought_out(copy: FileCopy, guest: Guest, stop: Stop) -> None:
    size = size_in_guest(guest, copy.remote)
    FileCopy.objects.filter(pk=copy.pk).update(size=size)
    if copy.local:
        guest.get(copy.remote, Path(copy.local), cancel=stop, progress=Told(copy))
        FileCopy.objects.filter(pk=copy.pk).update(is_folder=Path(copy.local).is_dir())
    else:
        size = kept_to_fetch(copy, guest, stop)
    FileCopy.objects.filter(pk=copy.pk).update(size=size, bytes_done=size or 0)


def kept_to_fetch(copy: FileCopy, guest: Guest, stop: Stop) -> int:
    """A folder as one archive; how large what is to be fetched is."""
    shutil.rmtree(copy.folder, ignore_errors=True)
    copy.folder.mkdir(parents=True, mode=0o700)
    place = copy.folder / copy.name
    guest.get(copy.remote, place, cancel=stop, progress=Told(copy))
    is_folder = place.is_dir()
    FileCopy.objects.filter(pk=copy.pk).update(is_folder=is_folder)
    if is_folder:
        stop.check()
        archive = shutil.make_archive(str(place), "tar", copy.folder, copy.name)
        shutil.rmtree(place)
        place = Path(archive)
    stop.check()
    return place.stat().st_size


def bytes_of(local: Path) -> int:
    if not local.is_dir():
        return local.stat().st_size if local.exists() else 0
    return sum(path.lstat().st_size for path in local.rglob("*") if path.is_file())


@contextlib.contextmanager
def ending(copy: FileCopy) -> Iterator[None]:
    """Writes how it ended; only what was copied out stays, to be fetched."""
    status, failure = Status.FAILED, ""
    try:
        yield
        status = Status.DONE
    except Cancelled:
        status = Status.CANCELLED
        raise
    except (DomainError, DriverError) as error:
        failure = str(error)
        raise
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        raise
    finally:
        if status != Status.DONE or copy.way == FileCopy.Way.IN:
            shutil.rmtree(copy.folder, ignore_errors=True)
        with transaction.atomic():
            FileCopy.objects.filter(pk=copy.pk).update(
                status=status, failure=failure[:500], ended_at=timezone.now()
            )
            ring(f"clone.{copy.clone_id}")
