"""Files and folders into guests and out of them, in the background, with their progress.

Example::

    copy_in(clone=clone, remote="/srv", sent=[Sent("site/index.html", pieces)], actor=actor)
    copy = copy_out(clone=clone, remote="/var/log", actor=actor)     # later: copy.folder has it
"""

import contextlib
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from django.db import transaction
from django.utils import timezone

from audit.services import Actor, operation
from clones.actions import require
from clones.copy_sizes import size_in_guest
from clones.file_models import FileCopy
from clones.machines import free_guest
from clones.models import Clone
from cowweb.errors import DomainError
from cowweb.live import ring
from hosts.drivers.base import Guest
from hosts.drivers.errors import DriverError
from hosts.drivers.run_token import quoted
from hosts.jobs import enqueue
from people import rights

COPY = "clones.tasks.file_copy_task"
Status = FileCopy.Status
TELL_S = 0.3
KEPT = timedelta(days=1)
LIST_S = 10.0
MOST_ENTRIES = 2000
ARRIVING = ".cowweb-"  # what is just being copied there
MOST_AT_ONCE = 8
STAT = "stat -c '%F|%s|%Y|%n' ./* ./.[!.]* ./..?* 2>/dev/null | head -n {most}"
ENTRY = re.compile(r"([^|]+)\|([0-9]+)\|([0-9]+)\|\./(.+)")


@dataclass(frozen=True, slots=True)
class Sent:
    """One file of what is sent: its path below the folder, or its name, and its bytes."""

    path: str
    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a guest's folder."""

    name: str
    kind: str
    size: int
    modified: int

    @property
    def is_folder(self) -> bool:
        return self.kind == "directory"


def folder_listed(*, clone: Clone, path: str, actor: Actor) -> list[Entry]:
    """What is in a guest's folder: folders first, by name."""
    rights.require(actor, rights.USE, clone)
    require(clone, Clone.Status.RUNNING, "asked for files")
    command = f"cd {quoted(path)} && {{ {STAT.format(most=MOST_ENTRIES)}; true; }}"
    with free_guest(clone) as guest:
        result = guest.run(command, timeout_s=LIST_S)
    if result.exit_code:
        words = result.stderr.decode(errors="replace").strip().rpartition(": ")[2]
        raise DomainError(f"{path} cannot be listed: {words}", field="path")
    lines = result.stdout.decode(errors="replace").split("\n")
    found = [match for line in lines if (match := ENTRY.fullmatch(line))]
    entries = [
        Entry(one[4], one[1], int(one[2]), int(one[3])) for one in found if not one[4].startswith(ARRIVING)
    ]
    return sorted(entries, key=lambda entry: (not entry.is_folder, entry.name))


def remote_checked(path: str) -> str:
    if not path.startswith("/") or "\0" in path or "\n" in path or len(path) > 1000:
        raise DomainError(f"{path!r}: write an absolute path in the guest, such as /root", field="path")
    return path


def copy_in(*, clone: Clone, remote: str, sent: Sequence[Sent], actor: Actor) -> list[FileCopy]:
    """Keeps what was sent, and has it copied into a folder of the guest: each file, and each folder whole."""
    names = sorted({PurePosixPath(one.path).parts[0] for one in sent if safe(one.path)})
    params = {"remote": remote, "names": ", ".join(names)}
    with operation(actor, "copy_to", target=f"clone:{clone.name}", params=params):
        rights.require(actor, rights.USE, clone)
        require(clone, Clone.Status.RUNNING, "given files")
        remote_checked(remote)
        wrong = next((one.path for one in sent if not safe(one.path)), None)
        if wrong is not None or not names:
            raise DomainError(f"{wrong or 'nothing'} cannot be sent: choose files or a folder", field="files")
        room_for_more(clone)
        by_name = {name: [one for one in sent if first(one.path) == name] for name in names}
        return [begun(clone, remote, name, parts, actor) for name, parts in by_name.items()]


def first(path: str) -> str:
    return PurePosixPath(path).parts[0]


def safe(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def room_for_more(clone: Clone) -> None:
    forgotten()
    if clone.copies.filter(status__in=FileCopy.UNFINISHED).count() >= MOST_AT_ONCE:
        raise DomainError(f"{MOST_AT_ONCE} copies of {clone.name} are under way: wait for one", field="files")


def begun(clone: Clone, remote: str, name: str, sent: Sequence[Sent], actor: Actor) -> FileCopy:
    """One file or folder, staged; a job does the rest."""
    is_folder = len(PurePosixPath(sent[0].path).parts) > 1
    copy = FileCopy.objects.create(
        clone=clone, way=FileCopy.Way.IN, remote=remote, name=name, is_folder=is_folder, by=actor.user
    )
    size = 0
    for one in sent:
        place = copy.folder / one.path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.open("wb") as file:
            for piece in one.pieces:
                size += file.write(piece)
    with transaction.atomic():
        FileCopy.objects.filter(pk=copy.pk).update(size=size)
        enqueue(COPY, copy.pk)
        ring(f"clone.{clone.pk}")
    return copy


def copy_out(*, clone: Clone, remote: str, actor: Actor) -> FileCopy:
    """Has a file or folder of the guest copied out; who asked fetches it from the site then."""
    params = {"remote": remote}
    with operation(actor, "copy_from", target=f"clone:{clone.name}", params=params) as op:
        rights.require(actor, rights.USE, clone)
        require(clone, Clone.Status.RUNNING, "asked for files")
        name = PurePosixPath(remote_checked(remote)).name
        if name in ("", ".", ".."):
            raise DomainError(f"{remote!r}: name a file or folder below /", field="path")
        room_for_more(clone)
        with transaction.atomic():
            copy = FileCopy.objects.create(
                clone=clone, way=FileCopy.Way.OUT, remote=remote, name=name, by=actor.user
            )
            enqueue(COPY, copy.pk, entry=op.entry)
            ring(f"clone.{clone.pk}")
        op.goes_on()
        return copy


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


def file_copied(copy_id: int) -> None:
    """Does one copy. Begun again after its server died, it copies anew: nothing of it was visible before."""
    copy = FileCopy.objects.select_related("clone__revision__base", "clone__host").get(pk=copy_id)
    if not FileCopy.objects.filter(pk=copy_id, status__in=FileCopy.UNFINISHED).update(status=Status.COPYING):
        return
    with ending(copy), free_guest(copy.clone) as guest:
        if copy.way == FileCopy.Way.IN:
            sent_in(copy, guest)
        else:
            brought_out(copy, guest)


def sent_in(copy: FileCopy, guest: Guest) -> None:
    local = copy.folder / copy.name
    remote = f"{copy.remote.rstrip('/')}/{copy.name}"
    guest.put(local, remote, progress=Told(copy))
    FileCopy.objects.filter(pk=copy.pk).update(bytes_done=copy.size or 0)
    shutil.rmtree(copy.folder, ignore_errors=True)


def brought_out(copy: FileCopy, guest: Guest) -> None:
    shutil.rmtree(copy.folder, ignore_errors=True)
    copy.folder.mkdir(parents=True, mode=0o700)
    place = copy.folder / copy.name
    FileCopy.objects.filter(pk=copy.pk).update(size=size_in_guest(guest, copy.remote))
    guest.get(copy.remote, place, progress=Told(copy))
    is_folder = place.is_dir()
    if is_folder:
        archive = shutil.make_archive(str(place), "tar", copy.folder, copy.name)
        shutil.rmtree(place)
        place = Path(archive)
    size = place.stat().st_size
    FileCopy.objects.filter(pk=copy.pk).update(is_folder=is_folder, size=size, bytes_done=size)


@contextlib.contextmanager
def ending(copy: FileCopy) -> Iterator[None]:
    """Writes how it ended; what failed leaves nothing."""
    failure = ""
    try:
        yield
    except (DomainError, DriverError) as error:
        failure = str(error)[:500]
        shutil.rmtree(copy.folder, ignore_errors=True)
        raise
    finally:
        status = Status.FAILED if failure else Status.DONE
        with transaction.atomic():
            FileCopy.objects.filter(pk=copy.pk).update(
                status=status, failure=failure, ended_at=timezone.now()
            )
            ring(f"clone.{copy.clone_id}")


def forgotten() -> None:
    """Drops what was not fetched for a day."""
    for copy in FileCopy.objects.filter(ended_at__lt=timezone.now() - KEPT):
        shutil.rmtree(copy.folder, ignore_errors=True)
        copy.delete()
