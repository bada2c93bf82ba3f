"""What nobody answers for any more: machines, folders, memory files and disks that a killed worker left.

The rows say what there should be, and what there was: only what a row says the site itself made goes. What
has no row is for `clones.survey` to report. What is there is looked at before the rows are, and a row is
always written before anything is made for it, so nothing that is just being made is taken for left over.

Example::

    leftovers_cleared()      # 3
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from bases.importing import imports_given_up
from bases.models import BaseImage
from bases.store import is_abandoned
from clones.models import Clone
from hosts.drivers.processes import identify
from hosts.drivers.records import MachineRecord
from hosts.findings import Kind, repaired
from hosts.services import local_driver
from pools.models import Spare, Template

MARK_LENGTH = 12
BEING_MADE = [Clone.Status.CREATING, Clone.Status.STARTING]
OF_POOL = [Spare.Status.FILLING, Spare.Status.READY]
OF_TEMPLATE = [Template.Status.BUILDING, Template.Status.READY]
LINGER_S = 600  # a clone that found a template ready may stand on it a moment after it became stale
MARKED = re.compile(rf"[0-9a-f]{{{MARK_LENGTH}}}\.", re.ASCII)
HEXADECIMAL = set("0123456789abcdef")


def leftovers_cleared() -> int:
    """Ends and deletes what is left of the site's own; returns how many things that were."""
    return machines_cleared() + folders_cleared() + templates_cleared() + arrivals_cleared()


def machines_cleared() -> int:
    """Machines of clones, spares and templates that are over. One that was never ours is left alone."""
    left = [record for record in machines_there() if not answered_for(record) and was_ours(record)]
    for record in left:
        local_driver().kill(record)
        told(Kind.PROCESS, Path(record.folder), "a machine of something that is over", "It was ended.")
    return len(left)


def machines_there() -> list[MachineRecord]:
    return [record for root in machine_roots() for record in local_driver().running(root)]


def machine_roots() -> tuple[Path, ...]:
    return Path(settings.COWWEB_CLONES), Path(settings.COWWEB_TEMPLATES)


def answered_for(record: MachineRecord) -> bool:
    """Whether it is a clone's, a spare's or a template's. A clone that is being made may have no record."""
    mine = {"uuid": record.uuid}
    clone = Clone.objects.live().filter(**mine).first()
    if clone is not None:
        return clone.status in BEING_MADE or (clone.record or {}).get("pid") == record.pid
    spare = Spare.objects.filter(status__in=OF_POOL, **mine)
    return spare.exists() or Template.objects.filter(status=Template.Status.BUILDING, **mine).exists()


def was_ours(record: MachineRecord) -> bool:
    """Whether a row says that the site made it, in the folder that is its own."""
    in_place = Path(record.folder).name == UUID(record.uuid).hex[:MARK_LENGTH]
    return in_place and has_row(Path(record.folder).name)


def has_row(mark: str) -> bool:
    """Whether a clone, spare or template of this mark is or was the site's; rows are never deleted.

    A row is written before anything is made for it. What has none was brought by somebody, or is newer than
    the database, as after a backup was put back: then it may be all that is left of it.
    """
    rest = 32 - MARK_LENGTH
    between = {"uuid__gte": UUID(mark + "0" * rest), "uuid__lte": UUID(mark + "f" * rest)}
    return any(model.objects.filter(**between).exists() for model in (Clone, Spare, Template))


def folders_cleared() -> int:
    """Folders of clones and spares that are no more."""
    there = list(marked(Path(settings.COWWEB_CLONES)))
    known = marks(Clone.objects.kept()) | marks(Spare.objects.filter(status__in=OF_POOL))
    left = [folder for folder in there if folder.name not in known and has_row(folder.name)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
        told(Kind.FOLDER, folder, "the folder of a clone or spare that is over", "It was deleted.")
    return len(left)


def templates_cleared() -> int:
    """Memory files of templates and branches that are no more, and disks on which nothing stands."""
    files = memory_files()
    before = time.time() - LINGER_S
    folders = [one for one in marked(Path(settings.COWWEB_TEMPLATES)) if one.stat().st_mtime < before]
    live = marks(Template.objects.filter(status__in=OF_TEMPLATE))
    mapped = live | marks(Clone.objects.filter(status__in=BEING_MADE))
    left = [file for file in files if file.name[:MARK_LENGTH] not in mapped or is_half_copied(file)]
    left = [file for file in left if has_row(file.name[:MARK_LENGTH])]
    for file in left:
        file.unlink(missing_ok=True)
        told(Kind.MEMORY, file, "the memory of a template or branch that is over", "It was deleted.")
    stood_on = Q(clones__in=Clone.objects.kept()) | Q(layers__isnull=False)
    needed = live | marks(Template.objects.filter(stood_on))
    empty = [folder for folder in folders if folder.name not in needed and has_row(folder.name)]
    for folder in empty:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left) + len(empty)


def arrivals_cleared() -> int:
    """Copies into the store whose maker died half-way, and the bases that were to be made of them."""
    left = [one for one in Path(settings.COWWEB_STORE).glob(".arriving-*") if is_abandoned(one)]
    for file in left:
        file.unlink(missing_ok=True)
        told(Kind.FILE, file, "half a copy into the store, whose maker died", "It was deleted.")
    return len(left) + imports_given_up(BaseImage.objects.all())


def told(kind: str, path: Path, found: str, done: str) -> None:
    repaired(kind, shown(path), found, done)


def shown(path: Path) -> str:
    """A path as findings name it: below the data folder where it is there."""
    data = Path(settings.COWWEB_DATA)
    return str(path.relative_to(data)) if path.is_relative_to(data) else str(path)


def memory_files() -> list[Path]:
    """The files in memory that are named as ours are."""
    return [file for file in Path(settings.COWWEB_MEMORY).glob("*") if MARKED.match(file.name)]


def is_half_copied(file: Path) -> bool:
    """Memory that was being copied back after a reboot, by a process that died."""
    pid = file.suffix.removeprefix(".")
    return pid.isdecimal() and identify(int(pid)) is None


def marked(root: Path) -> Iterator[Path]:
    """The folders in it that are named as ours are; anything else is somebody's."""
    for folder in root.glob("*"):
        if len(folder.name) == MARK_LENGTH and set(folder.name) <= HEXADECIMAL and folder.is_dir():
            yield folder


def marks_in_use() -> set[str]:
    """Of the clones, spares and templates that there are now; those of others `has_row` finds."""
    pools = marks(Spare.objects.filter(status__in=OF_POOL)) | marks(Template.objects.live())
    return pools | marks(Clone.objects.kept())


def marks(rows: QuerySet[Any]) -> set[str]:
    return {uuid.hex[:MARK_LENGTH] for uuid in rows.values_list("uuid", flat=True)}
