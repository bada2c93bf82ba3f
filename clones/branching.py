"""Setting a clone's disk aside as a layer, so that others can stand on it and nobody writes to it again.

The disk's file gets a second name among the layers, an empty layer on that is made, and takes the disk's
place: a rename for a stopped clone, QEMU's own switch before the rename for a running one. Wherever this is
interrupted, `settled` ends it one way or the other from what is on the disk.
"""

import os
from collections.abc import Callable
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from bases.models import BaseRevision
from clones.busy import busy_left, busy_with, is_held
from clones.grounds import Ground, ground_said, grounds_checked
from clones.models import Clone, Layer, Snapshot
from clones.specs import record_of
from cowweb.live import ring
from hosts.drivers.errors import Altered, DriverError
from hosts.drivers.host_errors import host_errors
from hosts.drivers.records import MachineRecord
from hosts.services import local_driver
from pools.models import Template

Status = Clone.Status
Kept = Layer.Kept
BRANCHABLE = [Status.STOPPED, Status.RUNNING, Status.PAUSED]
PARENT_WAIT_S = 120.0


def ground_laid(child: Clone) -> None:
    """What the new clone is to stand on: its parent's disk as it is now."""
    assert child.parent_id
    mark = f"clone:{child.pk}"
    with busy_with(child.parent_id, mark, since=BRANCHABLE, wait_s=PARENT_WAIT_S) as parent:
        settled(parent)
        grounds_checked(parent)
        layer = reusable(parent) or set_aside(parent)
        Clone.objects.filter(pk=child.pk).update(layer=layer)
        child.layer = layer


def reusable(parent: Clone) -> Layer | None:
    """The layer right below a stopped clone that has written nothing since."""
    is_untouched = parent.untouched and parent.untouched == file_mark(parent.disk)
    return parent.layer if parent.record is None and is_untouched else None


def file_mark(disk: Path) -> str:
    """Equal as long as nobody has written to the file."""
    facts = disk.stat()
    return f"{facts.st_ino}.{facts.st_size}.{facts.st_mtime_ns}"


def set_aside(
    clone: Clone, put: Callable[[Clone, Layer], str] | None = None, *, to_stream: bool = False
) -> Layer:
    """The clone's disk becomes a layer, and the clone goes on in an empty one above, put there by `put`."""
    layer = layer_begun(clone)
    try:
        with host_errors("the disk could not be set aside"):
            linked(clone, layer)
            new = next_disk(clone, layer)
            local_driver().disk_create(new, backing=layer.disk, to_stream=to_stream)
        kept = (put or put_above)(clone, layer)
    except Exception:
        settled(clone)
        raise
    completed(clone, layer, kept)
    layer.refresh_from_db()
    return layer


def layer_begun(clone: Clone) -> Layer:
    return Layer.objects.create(
        parent=clone.layer,
        template=None if clone.layer_id else clone.template,
        revision=clone.revision,
        made_from=clone,
    )


def linked(clone: Clone, layer: Layer) -> None:
    layer.disk.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    os.link(clone.disk, layer.disk)
    sync_folder(layer.disk.parent)


def sync_folder(folder: Path) -> None:
    """The names in it survive a power cut once this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def next_disk(clone: Clone, layer: Layer) -> Path:
    """What will take the place of the clone's disk once that is this layer."""
    return clone.folder / f".next-{layer.mark}.qcow2"


def machine_of(clone: Clone) -> MachineRecord | None:
    """The clone's process, if it runs."""
    if clone.record is None:
        return None
    record = record_of(clone)
    return record if local_driver().alive(record) else None


def put_above(clone: Clone, layer: Layer) -> str:
    record = machine_of(clone)
    if record is None:
        return Kept.CRASH if clone.record or clone.saved_at else Kept.STOPPED
    held_still = local_driver().layer_put(record, next_disk(clone, layer), mark=layer.mark)
    return Kept.FROZEN if held_still else Kept.CRASH


def completed(clone: Clone, layer: Layer, kept: str) -> None:
    """The new disk is the clone's; the old one is a layer for good, with the snapshots inside it."""
    new = next_disk(clone, layer)
    local_driver().layer_sealed(layer.disk)
    layer.disk.chmod(0o444)
    if new.exists():
        new.rename(clone.disk)
        sync_folder(clone.folder)
    on = ground_said(clone, layer)
    with transaction.atomic():
        Layer.objects.filter(pk=layer.pk).update(
            sealed_at=timezone.now(), kept=kept, disk_bytes=layer.disk.stat().st_blocks * 512
        )
        Snapshot.objects.filter(clone=clone, layer__isnull=True).update(layer=layer)
        written_down(clone, on, is_empty=on == layer)


def grounded(clone: Clone, *more: Ground) -> None:
    """Writes down what the clone's disk stands on, as its file says; `more` is what it may stand on now."""
    written_down(clone, ground_said(clone, *more), is_empty=False)


def ground_followed(clone: Clone) -> None:
    """Where someone died between the disk's new place and its row, the row follows."""
    on = ground_said(clone)
    if on.disk != clone.below:
        written_down(clone, on, is_empty=False)


def written_down(clone: Clone, on: Ground, *, is_empty: bool) -> None:
    """`is_empty`: the disk shows just what `on` does, so that others can stand on that as well."""
    fields: dict[str, object] = {
        "layer": on if isinstance(on, Layer) else None,
        "untouched": file_mark(clone.disk) if is_empty and not clone.record else "",
        "disk_bytes": clone.disk.stat().st_blocks * 512,
        "has_agent": clone.has_agent or clone.template_id is not None,
    }
    if isinstance(on, Template):
        fields["template"] = on
    if isinstance(on, BaseRevision):
        fields |= {"template": None, "revision": on}
    with transaction.atomic():
        Clone.objects.filter(pk=clone.pk).update(**fields)
        ring("clones", "bases", f"clone.{clone.pk}")
    clone.refresh_from_db()


def settled(clone: Clone) -> None:
    """Ends what was interrupted: the new disk takes the old one's place where the guest may have written to
    it; otherwise all is as before."""
    for layer in clone.layers_given.filter(sealed_at__isnull=True):
        if record := machine_of(clone):
            local_driver().branch_ended(record)  # whoever branched it may have died while it stood still
        if is_begun(clone, layer):
            completed(clone, layer, Kept.CRASH if clone.record else Kept.STOPPED)
        else:
            next_disk(clone, layer).unlink(missing_ok=True)
            layer.disk.unlink(missing_ok=True)
            layer.delete()


def is_begun(clone: Clone, layer: Layer) -> bool:
    """Whether the clone may have gone over to its new disk. An empty one on the old shows the same."""
    if not layer.disk.exists() or not clone.disk.exists():
        return False
    if not layer.disk.samefile(clone.disk):
        return True
    record = machine_of(clone)
    if not next_disk(clone, layer).exists():
        return False
    return record is None or local_driver().writes_to(record, layer.mark)


def ground_left(clone: Clone) -> None:
    """A removed clone stands on nothing; what only it needed goes."""
    for layer in clone.layers_given.filter(sealed_at__isnull=True):
        layer.disk.unlink(missing_ok=True)
        layer.delete()
    Snapshot.objects.filter(clone=clone).update(layer=None)
    Clone.objects.filter(pk=clone.pk).update(layer=None, busy="")
    layers_collected()


def layers_collected() -> int:
    """Deletes the layers on which nothing stands, from the top down; returns how many.

    A layer comes by a new dependent only through one that it has, so one without any stays so.
    """
    count = 0
    while unneeded := list(Layer.objects.unneeded()):
        for layer in unneeded:
            layer.disk.unlink(missing_ok=True)
            layer.delete()
        count += len(unneeded)
    return count


def disks_reconciled() -> int:
    """Frees the clones whose holder died for good; returns how many."""
    marked = Clone.objects.exclude(busy="").select_related("revision__base", "layer", "template")
    stale = [clone for clone in marked if not is_held(clone.busy)]
    for clone in stale:
        try:
            settled(clone)
            ground_followed(clone)
        except Altered:
            pass  # it has its finding, and can be removed
        except (DriverError, OSError):
            continue  # its machine does not answer now: next time
        busy_left(clone.pk, clone.busy)
    return len(stale)
