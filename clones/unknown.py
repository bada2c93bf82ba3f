"""What lies and runs in the site's folders and no row ever spoke of. It is named, and left as it is.

Example::

    [noted.subject for noted in unknown_things()]     # ["clones/0123456789ab", "store/notes.txt"]
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from django.conf import settings

from bases.models import BaseRevision
from bases.store import ARRIVING, NAMES, identity_of
from clones.leftovers import (
    MARKED,
    answered_for,
    has_row,
    machine_roots,
    marked,
    marks_in_use,
    shown,
    was_ours,
)
from clones.models import Layer
from cowweb.wording import size
from hosts.drivers.records import MachineRecord
from hosts.drivers.strangers import strangers
from hosts.findings import Kind, Noted
from hosts.services import local_driver

LEFT = "Nothing. It is as it was found."
YOUNG_S = 20.0  # a file of the store is there a moment before its row is
MARK_LENGTH = 12


def unknown_machines() -> Iterator[Noted]:
    """Machines in our folders without a row, and other programs of QEMU that hold files of ours."""
    running = local_driver().running(Path(settings.COWWEB_DATA))
    for record in running:
        if not in_our_folders(record) or not (answered_for(record) or was_ours(record)):
            yield unknown_machine(record)
    for one in strangers(Path(settings.COWWEB_DATA), known={record.pid for record in running}):
        facts = {**asdict(one.process), "path": str(one.holds[0])}
        found = f"{one.name}, process {one.process.pid}, unknown to the site, holds {shown(one.holds[0])}"
        yield Noted(Kind.PROCESS, f"process {one.process.pid}", found, LEFT, evidence=facts)


def in_our_folders(record: MachineRecord) -> bool:
    """Where clones', spares' and templates' machines are. It may have ended since it was seen."""
    return any(Path(record.folder).is_relative_to(root) for root in machine_roots())


def unknown_machine(record: MachineRecord) -> Noted:
    found = f"a machine, process {record.pid}, in {shown(Path(record.folder))}, which the site does not know"
    return Noted(Kind.PROCESS, f"process {record.pid}", found, LEFT, evidence=asdict(record))


def unknown_things() -> Iterator[Noted]:
    """Folders and files without a row, wherever the site keeps such."""
    at_work = {record.folder for record in local_driver().running(Path(settings.COWWEB_DATA))}
    roots = (Path(settings.COWWEB_CLONES), Path(settings.COWWEB_TEMPLATES))
    there = [path for root in roots for path in root.glob("*")]
    named = {path for root in roots for path in marked(root)}
    usual = marks_in_use()  # of these thousands of rows are not asked for one by one
    for path in there:
        is_known = path.name in usual or has_row(path.name) if path in named else False
        if not is_known and not (path in named and str(path) in at_work):
            yield thing(path)
    yield from unknown_files(Path(settings.COWWEB_LAYERS), known_layers())
    yield from unknown_files(Path(settings.COWWEB_STORE), known_stored())
    for path in Path(settings.COWWEB_MEMORY).glob("*"):
        if not (MARKED.match(path.name) and has_row(path.name[:MARK_LENGTH])):
            yield thing(path, kind=Kind.MEMORY)


def unknown_files(root: Path, known: set[str]) -> Iterator[Noted]:
    old = time.time() - YOUNG_S
    for path in root.glob("*"):
        if path.name not in known and not ARRIVING.fullmatch(path.name) and path.lstat().st_ctime < old:
            yield thing(path)


def known_layers() -> set[str]:
    return {f"{uuid.hex}.qcow2" for uuid in Layer.objects.values_list("uuid", flat=True)}


def known_stored() -> set[str]:
    """Files of bases, and those that other apps answer for."""
    rows = BaseRevision.objects.values_list("digest", "kernel_digest", "initrd_digest")
    suffixes = ("qcow2", "kernel", "initrd")
    own = {
        f"{digest}.{suffix}" for row in rows for digest, suffix in zip(row, suffixes, strict=True) if digest
    }
    return own.union(*(names() for names in NAMES))


def thing(path: Path, *, kind: str = "") -> Noted:
    """A folder or file that nobody knows, with what tells it from a later one of its name."""
    facts = path.lstat()
    is_folder = path.is_dir() and not path.is_symlink()
    evidence = {"path": str(path), "ino": facts.st_ino}
    if is_folder:
        return Noted(
            Kind.FOLDER,
            shown(path),
            f"a folder that the site does not know: {holds(path)}",
            LEFT,
            evidence=evidence,
        )
    evidence["identity"] = identity_of(path)
    found = f"a file of {size(facts.st_size)} that the site does not know"
    return Noted(kind or Kind.FILE, shown(path), found, LEFT, evidence=evidence)


def holds(folder: Path) -> str:
    """What is in a folder, in a few words."""
    names = sorted(one.name for one in folder.glob("*"))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (", ".join(names[:3]) + more) if names else "it is empty"
