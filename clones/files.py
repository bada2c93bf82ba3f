"""Files and folders into guests and out of them, in the background, with their progress.

Example::

    copy_in(clone=clone, remote="/srv", sent=[Sent("site/index.html", pieces)], actor=actor)
    copy = copy_out(clone=clone, remote="/var/log", actor=actor)     # later: copy.folder has it
    copy_cancel(copy=copy, actor=actor)                              # nothing half made stays on either side
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from django.db import transaction
from django.utils import timezone

from audit.services import Actor, operation
from clones.actions import require
from clones.file_models import FileCopy
from clones.machines import free_guest
from clones.models import Clone
from cowweb.errors import ConflictError, DomainError, NotFoundError
from cowweb.live import ring
from hosts.drivers.run_token import quoted
from hosts.jobs import enqueue
from hosts.models import Job
from people import rights

COPY = "clones.tasks.file_copy_task"
Status = FileCopy.Status
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
    try:
        size = staged(copy, sent)
    except BaseException:
        shutil.rmtree(copy.folder, ignore_errors=True)
        copy.delete()
        raise
    with transaction.atomic():
        FileCopy.objects.filter(pk=copy.pk).update(size=size)
        enqueue(COPY, copy.pk)
        ring(f"clone.{clone.pk}")
    return copy


def staged(copy: FileCopy, sent: Sequence[Sent]) -> int:
    """Keeps what was sent beside the clones; its size."""
    size = 0
    for one in sent:
        place = copy.folder / one.path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.open("wb") as file:
            for piece in one.pieces:
                size += file.write(piece)
    return size


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


def place_copied(
    *, clone: Clone, way: FileCopy.Way, local: Path, remote: str, actor: Actor
) -> tuple[FileCopy, Job]:
    """A file or folder between a place of this host and a place in the guest, both named whole; for commands.
    Whoever waits for the job does it, as `work_or_wait` does."""
    params = {"local": str(local), "remote": remote}
    action, asked = ("copy_to", "given files") if way == FileCopy.Way.IN else ("copy_from", "asked for files")
    with operation(actor, action, target=f"clone:{clone.name}", params=params) as op:
        rights.require(actor, rights.USE, clone)
        require(clone, Clone.Status.RUNNING, asked)
        forgotten()
        name = local.name if way == FileCopy.Way.IN else PurePosixPath(remote).name or remote
        with transaction.atomic():
            copy = FileCopy.objects.create(
                clone=clone,
                way=way,
                remote=remote[:1000],
                name=name[:255],
                local=str(local),
                is_folder=local.is_dir(),
                by=actor.user,
            )
            job = enqueue(COPY, copy.pk, entry=op.entry)
            ring(f"clone.{clone.pk}")
        op.goes_on()
        return copy, job


def copies_of(clone: Clone, actor: Actor) -> list[FileCopy]:
    """Those of the last day, the newest first."""
    rights.require(actor, rights.SEE, clone)
    return list(clone.copies.all())


def copy_numbered(number: int, actor: Actor) -> FileCopy:
    """A copy of a clone that the actor may see."""
    seen = Clone.objects.visible_to(actor.user).values("pk")
    copy = FileCopy.objects.select_related("clone").filter(pk=number, clone__in=seen).first()
    if copy is None:
        raise NotFoundError(f"Copy {number} not found", field="copy")
    return copy


def copy_cancel(*, copy: FileCopy, actor: Actor) -> FileCopy:
    """Ends one that waits, or is under way: who copies notices within a second. Nothing of it stays, here or
    there."""
    with operation(actor, "cancel_copy", target=f"clone:{copy.clone.name}", params={"copy": copy.pk}):
        rights.require(actor, rights.USE, copy.clone)
        row, now = FileCopy.objects.filter(pk=copy.pk), timezone.now()
        with transaction.atomic():
            waited = row.filter(status=Status.WAITING).update(
                status=Status.CANCELLED, cancel_asked_at=now, ended_at=now
            )
            if not waited and not row.filter(status=Status.COPYING).update(cancel_asked_at=now):
                copy.refresh_from_db()
                raise ConflictError(
                    f"Copy {copy.pk} is over: {copy.get_status_display().lower()}", field="copy"
                )
            ring(f"clone.{copy.clone_id}")
        if waited:
            shutil.rmtree(copy.folder, ignore_errors=True)
        copy.refresh_from_db()
        return copy


def forgotten() -> None:
    """Drops what was not fetched for a day, and what a server that died had not yet got to."""
    before = timezone.now() - KEPT
    waited = FileCopy.objects.filter(status=Status.WAITING, created_at__lt=before)
    for copy in FileCopy.objects.filter(ended_at__lt=before) | waited:
        shutil.rmtree(copy.folder, ignore_errors=True)
        copy.delete()
