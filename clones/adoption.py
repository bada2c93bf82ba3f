"""Taking a machine's folder that no row knows in as a clone: after a backup was put back, say.

Its disk must stand on something that the site has. Nothing of the disk is opened but its own header.

Example::

    clone = folder_adopted(Path(".../clones/0123456789ab"), name="", actor=actor)   # stopped
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction

from audit.services import Actor
from bases.models import BaseRevision
from clones.chain_models import Layer
from clones.leftovers import MARK_LENGTH, marked
from clones.models import Clone
from clones.wanted import checked_name
from cowweb.errors import ConflictError, ForbiddenError, NameTakenError
from cowweb.live import ring
from hosts.drivers.errors import DriverError
from hosts.drivers.keys import public_of
from hosts.drivers.machine_record import read_record
from hosts.drivers.records import MachineRecord
from hosts.drivers.strangers import size_of
from hosts.services import local_driver, local_host
from pools.models import Template

KEYS = ("login_key", "host_key")


def folder_adopted(folder: Path, *, name: str, actor: Actor) -> Clone:
    """A stopped clone of what is in the folder."""
    if folder not in set(marked(Path(settings.COWWEB_CLONES))):
        raise ConflictError(f"{folder.name} is not named as a clone's folder is; it can be left or removed")
    disk = disk_in(folder)
    wanted = checked_name(name or disk.stem)
    fields = {"uuid": uuid_of(folder), "status": Clone.Status.STOPPED, **stands_on(disk)}
    clone = row_made(wanted, fields, actor)
    if disk != clone.disk:
        disk.rename(clone.disk)
    return clone


def machine_adopted(record: MachineRecord, *, actor: Actor) -> Clone:
    """A running clone of a machine that runs in its own folder. It keeps its name."""
    folder = Path(record.folder)
    if folder.name != UUID(record.uuid).hex[:MARK_LENGTH] or folder.parent != Path(settings.COWWEB_CLONES):
        raise ConflictError(f"The machine in {folder.name} is not in a clone's folder of its own")
    if not local_driver().alive(record):
        raise ConflictError("The machine has ended; its folder is what can be decided on")
    disk, size = disk_in(folder), size_of(record.pid)
    if size is None:
        raise ConflictError("The machine does not say how much memory it has")
    forwards = [[one.guest_port, one.host_port] for one in local_driver().forwards(record)]
    fields = {"uuid": UUID(record.uuid), "status": Clone.Status.RUNNING, **stands_on(disk)}
    fields |= {"memory_mb": size[0], "cpus": size[1], "record": asdict(record), "forwards": forwards}
    return row_made(checked_name(disk.stem), fields, actor)


def disk_in(folder: Path) -> Path:
    disks = [one for one in folder.glob("*.qcow2") if not one.name.startswith(".")]
    missing = [key for key in KEYS if not (folder / key).is_file()]
    if len(disks) != 1 or disks[0].is_symlink() or missing:
        has = f"{len(disks)} disks" + (f" and no {' and no '.join(missing)}" if missing else "")
        raise ConflictError(f"{folder.name} is no clone's folder: it has {has}")
    return disks[0]


def uuid_of(folder: Path) -> UUID:
    """The machine's own where it is known; any other of this folder's name will do."""
    record = read_record(folder)
    if record and UUID(record.uuid).hex[:MARK_LENGTH] == folder.name:
        return UUID(record.uuid)
    return UUID(folder.name + uuid4().hex[MARK_LENGTH:])


def stands_on(disk: Path) -> dict[str, Any]:
    """The revision, and the layer or template between, that the disk's header names, if the site has them."""
    try:
        below = Path(local_driver().image_inspect(disk).backing_file or "")
    except DriverError as error:
        raise ConflictError(f"{disk.name} is no disk that can be used: {error}") from error
    if revision := one_at(below, BaseRevision.objects.filter(digest=below.stem).order_by("-pk")):
        return {"revision": revision}
    if layer := one_at(below, Layer.objects.select_related("revision__base")):
        return {"revision": layer.revision, "layer": layer}
    if template := one_at(below, Template.objects.select_related("revision__base")):
        return {"revision": template.revision, "template": template, "has_agent": True}
    raise ConflictError(f"{disk.name} stands on {below.name or 'nothing'}, which the site does not have")


def one_at(below: Path, rows: Iterable[Any]) -> Any:
    """The row whose disk is this file, if one is."""
    return next((row for row in rows if row.disk.resolve() == below), None)


def row_made(name: str, fields: dict[str, Any], actor: Actor) -> Clone:
    if actor.user is None:
        raise ForbiddenError("A clone needs an owner")
    base = fields["revision"].base
    folder = Path(settings.COWWEB_CLONES) / fields["uuid"].hex[:MARK_LENGTH]
    machine = {"memory_mb": base.memory_mb, "cpus": base.cpus, **fields, **publics(folder)}
    try:
        with transaction.atomic():
            clone = Clone.objects.create(name=name, owner=actor.user, host=local_host(), **machine)
            ring("clones", "bases")
    except IntegrityError:
        raise NameTakenError(f"There is a clone {name} already: give another name", field="name") from None
    return clone


def publics(folder: Path) -> dict[str, str]:
    """The public halves of the keys that lie in it."""
    texts = {f"{key.partition('_')[0]}_public": (folder / key).read_text(errors="replace") for key in KEYS}
    try:
        return {field: public_of(text) for field, text in texts.items()}
    except DriverError as error:
        raise ConflictError(f"{folder.name} has {error}") from error
