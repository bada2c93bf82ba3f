"""Points in the life of a clone's disk that it can be brought back to: its snapshots, and its base.

Example::

    snapshot_create(clone=clone, name="before-upgrade", actor=actor)      # also while it runs
    snapshot_restore(clone=clone, name="before-upgrade", actor=actor)     # stopped
    clone_reset(clone=clone, actor=actor)                                 # as its base is
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import IntegrityError, transaction

from audit.services import Actor, operation
from bases.integrity import revision_checked
from clones.actions import require
from clones.branching import grounded, layers_collected
from clones.busy import busy_with, now
from clones.grounds import grounds_checked, layer_checked
from clones.machines import disk_measured
from clones.models import Clone, Layer, Snapshot
from clones.reshaping import swapped
from clones.specs import record_of
from clones.wanted import checked_name
from cowweb.errors import ConflictError, NameTakenError, NotFoundError
from cowweb.live import ring
from hosts.drivers.errors import NotFound
from hosts.services import local_driver
from people import rights

Status = Clone.Status


def snapshot_create(*, clone: Clone, name: str, actor: Actor) -> Snapshot:
    """Keeps the disk as it is now under a name."""
    with operation(actor, "snapshot", target=f"clone:{clone.name}", params={"snapshot_name": name}):
        rights.require(actor, rights.USE, clone)
        return snapshot_taken(clone, name)


def snapshot_taken(clone: Clone, name: str) -> Snapshot:
    """Takes the snapshot; for verbs that write their own audit entry."""
    checked_name(name)
    with settled_disk(clone) as free:
        return snapshot_kept(free, name)


@contextmanager
def settled_disk(clone: Clone) -> Iterator[Clone]:
    """The clone, held, whose disk nothing is about to change or to go over to another process."""
    clone.refresh_from_db()
    if clone.status not in (Status.RUNNING, Status.PAUSED, Status.STOPPED):
        raise ConflictError(f"{clone.name} is {clone.status}; its disk is not at rest now", field="name")
    with busy_with(clone.pk, now(), since=[clone.status]) as free:
        yield free


def snapshot_kept(clone: Clone, name: str) -> Snapshot:
    running = clone.record is not None
    try:
        with transaction.atomic():
            snapshot = Snapshot.objects.create(clone=clone, name=name, while_running=running)
    except IntegrityError:
        raise NameTakenError(f"{clone.name} has a snapshot {name} already", field="snapshot_name") from None
    try:
        if not running:  # otherwise its own QEMU keeps it
            grounds_checked(clone)
        local_driver().snapshot_create(clone.disk, name, record_of(clone) if running else None)
    except Exception:
        snapshot.delete()
        raise
    disk_measured(clone)
    ring(f"clone.{clone.pk}")
    return snapshot


def snapshot_named(clone: Clone, name: str) -> Snapshot:
    snapshot = clone.snapshots.select_related("layer").filter(name=name).first()
    if snapshot is None:
        raise NotFoundError(f"{clone.name} has no snapshot {name}", field="snapshot_name")
    return snapshot


def snapshot_delete(*, clone: Clone, name: str, actor: Actor) -> None:
    """Gives a snapshot up, and what only it kept on the disk. The disk stays as it is now."""
    with operation(actor, "delete_snapshot", target=f"clone:{clone.name}", params={"snapshot_name": name}):
        rights.require(actor, rights.USE, clone)
        snapshot = snapshot_named(clone, name)
        with settled_disk(clone) as free:
            if snapshot.layer is None:
                with suppress(NotFound):  # gone already: whoever deleted it was killed before its row
                    local_driver().snapshot_delete(free.disk, name, record_of(free) if free.record else None)
            snapshot.delete()
        disk_changed(clone)


def snapshot_restore(*, clone: Clone, name: str, actor: Actor) -> Clone:
    """Takes a stopped clone's disk back to a snapshot."""
    with operation(actor, "restore", target=f"clone:{clone.name}", params={"snapshot_name": name}):
        rights.require(actor, rights.USE, clone)
        snapshot = snapshot_named(clone, name)
        with replaceable_disk(clone, "restored") as free:
            grounds_checked(free)
            if snapshot.layer is None:
                local_driver().snapshot_restore(clone.disk, name)
            else:
                taken_out(free, snapshot.layer, name)
        disk_changed(clone)
        return clone


def clone_reset(*, clone: Clone, actor: Actor) -> Clone:
    """Takes a stopped clone's disk back to its base: nothing is written on it. Its snapshots stay."""
    with operation(actor, "reset", target=f"clone:{clone.name}"):
        rights.require(actor, rights.USE, clone)
        revision_checked(clone.revision)
        with replaceable_disk(clone, "reset") as free:
            new = free.folder / ".reset.qcow2"
            new.unlink(missing_ok=True)
            local_driver().disk_create(new, backing=free.revision.disk)
            swapped(free, new)
            Clone.objects.filter(pk=clone.pk).update(has_agent=False)  # it was on what is gone
        disk_changed(clone)
        return clone


@contextmanager
def replaceable_disk(clone: Clone, what: str) -> Iterator[Clone]:
    """The clone, held, stopped and without a memory that fits only its present disk."""
    require(clone, Status.STOPPED, f"{what}: stop it first")
    if clone.saved_at:
        raise ConflictError(
            f"{clone.name} has saved memory that fits only its present disk: start or restore it first"
        )
    with busy_with(clone.pk, now(), since=[Status.STOPPED]) as free:
        yield free


def disk_changed(clone: Clone) -> None:
    layers_collected()
    disk_measured(clone)
    ring(f"clone.{clone.pk}")


def taken_out(clone: Clone, layer: Layer, name: str) -> None:
    """The disk as a snapshot has it that is inside a layer: a new file, beside the layer."""
    if clone.snapshots.filter(layer__isnull=True).exists():
        raise ConflictError(f"{clone.name} has later snapshots inside its disk; {name} is older than those")
    new = clone.folder / ".restored.qcow2"
    new.unlink(missing_ok=True)
    layer_checked(clone, layer)
    below = layer.parent or layer.template or layer.revision
    local_driver().snapshot_extract(layer.disk, name, new, backing=below.disk)
    new.rename(clone.disk)
    clone.template = layer.template or clone.template
    Clone.objects.filter(pk=clone.pk).update(template=clone.template)
    grounded(clone, below)
