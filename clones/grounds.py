"""What a clone's disk is to stand on by the rows, and whether its file says the same.

The file is the machine's own while it runs. A QEMU that a guest has taken over could name anything in its
header, so before anything outside of its confinement opens the disk, the headers are read and compared, down
to the base. What differs is a finding for the administrator, and the disk is not opened.

Example::

    grounds_checked(clone)               # before it is started, flattened, published, kept, …
    ground_said(clone, layer)            # which of the rows it may stand on its header names
"""

from pathlib import Path

from bases.models import BaseRevision
from clones.models import Clone, DiskTask, Layer
from hosts.drivers.errors import Altered, DriverError
from hosts.findings import Kind, Noted, finding_noted
from hosts.services import local_driver
from pools.models import Template

Ground = Layer | Template | BaseRevision
LEFT_ALONE = "It is neither started nor opened until its header is as it was. Its bytes are left as they are."


def grounds_of(clone: Clone) -> tuple[Path, ...]:
    """The files below the clone's disk, from the top."""
    return tuple(one.disk for one in grounds(clone))


def grounds(clone: Clone) -> list[Ground]:
    layers = clone.layers
    lowest = layers[-1] if layers else clone
    return [*layers, *([lowest.template] if lowest.template else []), lowest.revision]


def below_layer(layer: Layer) -> tuple[Path, ...]:
    """The files below a layer, from the top."""
    found: list[Ground] = []
    while layer.parent is not None:
        layer = layer.parent
        found.append(layer)
    return tuple(one.disk for one in [*found, *([layer.template] if layer.template else []), layer.revision])


def grounds_checked(clone: Clone) -> None:
    """Raises Altered, and leaves a finding, where the headers say anything else than the rows."""
    try:
        local_driver().disk_stands_on(clone.disk, grounds_of(clone))
    except Altered as error:
        finding_noted(altered_noted(clone, error))
        raise


def layer_checked(clone: Clone, layer: Layer) -> None:
    """The same for a layer out of which something of the clone is to be taken."""
    try:
        local_driver().disk_stands_on(layer.disk, below_layer(layer))
    except Altered as error:
        finding_noted(altered_noted(clone, error))
        raise


def altered_noted(clone: Clone, error: DriverError) -> Noted:
    evidence = {"clone": clone.pk, "said": str(error)}
    found = f"{error}, as its row says: something else than the site wrote to its disk's header"
    return Noted(Kind.CLONE, f"clone:{clone.name}", found, LEFT_ALONE, evidence=evidence)


def kept_on(clone: Clone) -> list[Ground]:
    """What the disk stands on once a snapshot is taken out of one of these layers."""
    inside = clone.snapshots.filter(layer__isnull=False).select_related("layer__parent", "layer__template")
    layers = [snapshot.layer for snapshot in inside if snapshot.layer]
    return [layer.parent or layer.template or layer.revision for layer in layers]


def ground_said(clone: Clone, *more: Ground) -> Ground:
    """The row of what the disk's header names, among those that the clone may stand on now: what it stood on,
    layers that it became, what a task moves it to, and `more`."""
    targets = clone.disk_tasks.filter(state__in=DiskTask.OPEN).exclude(target=None)
    moved_to = [task.target for task in targets.select_related("target__base") if task.target]
    may: list[Ground] = [
        *more,
        *grounds(clone),
        *clone.layers_given.all(),
        clone.revision,
        *moved_to,
        *kept_on(clone),
    ]
    try:
        said = local_driver().disk_backing(clone.disk)
        found = next((one for one in may if one.disk.resolve() == said), None)
        if found is None:
            raise Altered(f"{clone.disk.name} stands on {str(said)!r}, and never was made on that")
    except Altered as error:
        finding_noted(altered_noted(clone, error))
        raise
    return found
