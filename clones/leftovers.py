"""What nobody answers for any more: machines, folders, memory files and disks that a killed worker left.

The rows say what there should be; everything else in the site's own folders goes. What is there is looked at
before the rows are, and a row is always written before anything is made for it, so nothing that is just being
made is taken for left over.

Example::

    leftovers_cleared()      # 3
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from clones.models import Clone, Layer
from hosts.drivers.base import MachineRecord
from hosts.drivers.processes import identify
from hosts.services import local_driver
from pools.models import Spare, Template

MARK_LENGTH = 12
BEING_MADE = [Clone.Status.CREATING, Clone.Status.STARTING]
OF_POOL = [Spare.Status.FILLING, Spare.Status.READY]
OF_TEMPLATE = [Template.Status.BUILDING, Template.Status.READY]
LINGER_S = 600  # a clone that found a template ready may stand on it a moment after it became stale
HEXADECIMAL = set("0123456789abcdef")


def leftovers_cleared() -> int:
    """Ends and deletes what belongs to nobody; returns how many things that were."""
    return machines_cleared() + folders_cleared() + templates_cleared() + layers_cleared()


def machines_cleared() -> int:
    """Processes in the clones' and templates' folders that no row knows of."""
    driver = local_driver()
    found = [*driver.running(Path(settings.COWWEB_CLONES)), *driver.running(Path(settings.COWWEB_TEMPLATES))]
    left = [record for record in found if not answered_for(record)]
    for record in left:
        driver.kill(record)
    return len(left)


def answered_for(record: MachineRecord) -> bool:
    """Whether it is a clone's, a spare's or a template's. A clone that is being made may have no record."""
    mine = {"uuid": record.uuid}
    clone = Clone.objects.live().filter(**mine).first()
    if clone is not None:
        return clone.status in BEING_MADE or (clone.record or {}).get("pid") == record.pid
    spare = Spare.objects.filter(status__in=OF_POOL, **mine)
    return spare.exists() or Template.objects.filter(status=Template.Status.BUILDING, **mine).exists()


def folders_cleared() -> int:
    """Folders of clones and spares that are no more."""
    there = list(marked(Path(settings.COWWEB_CLONES)))
    known = marks(Clone.objects.kept()) | marks(Spare.objects.filter(status__in=OF_POOL))
    left = [folder for folder in there if folder.name not in known]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def templates_cleared() -> int:
    """Memory files of templates and branches that are no more, and disks on which nothing stands."""
    files = list(Path(settings.COWWEB_MEMORY).glob("*"))
    before = time.time() - LINGER_S
    folders = [one for one in marked(Path(settings.COWWEB_TEMPLATES)) if one.stat().st_mtime < before]
    live = marks(Template.objects.filter(status__in=OF_TEMPLATE))
    mapped = live | marks(Clone.objects.filter(status__in=BEING_MADE))
    left = [file for file in files if file.name[:MARK_LENGTH] not in mapped or is_half_copied(file)]
    for file in left:
        file.unlink(missing_ok=True)
    stood_on = Q(clones__in=Clone.objects.kept()) | Q(layers__isnull=False)
    needed = live | marks(Template.objects.filter(stood_on))
    empty = [folder for folder in folders if folder.name not in needed]
    for folder in empty:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left) + len(empty)


def layers_cleared() -> int:
    """Files of layers that no row knows of."""
    files = list(Path(settings.COWWEB_LAYERS).glob("*.qcow2"))
    known = {uuid.hex for uuid in Layer.objects.values_list("uuid", flat=True)}
    left = [file for file in files if file.stem not in known]
    for file in left:
        file.unlink(missing_ok=True)
    return len(left)


def is_half_copied(file: Path) -> bool:
    """Memory that was being copied back after a reboot, by a process that died."""
    pid = file.suffix.removeprefix(".")
    return pid.isdecimal() and identify(int(pid)) is None


def marked(root: Path) -> Iterator[Path]:
    """The folders in it that are named as ours are; anything else is somebody's."""
    for folder in root.glob("*"):
        if len(folder.name) == MARK_LENGTH and set(folder.name) <= HEXADECIMAL and folder.is_dir():
            yield folder


def marks(rows: QuerySet[Any]) -> set[str]:
    return {uuid.hex[:MARK_LENGTH] for uuid in rows.values_list("uuid", flat=True)}
