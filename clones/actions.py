"""The verbs that are done at once: pause, resume, snapshots, commands and files in the guest."""

from pathlib import Path

from django.db import IntegrityError, transaction

from audit.services import Actor, operation
from clones.branching import grounded, layers_collected
from clones.busy import busy_with, now
from clones.grounds import grounds_checked, layer_checked
from clones.machines import disk_measured, free_guest, guest_of
from clones.models import Clone, Layer, Snapshot
from clones.services import Asked, clone_moved
from clones.specs import record_of
from clones.wanted import checked_name
from cowweb.clean import plain_text
from cowweb.errors import ConflictError, NameTakenError, NotFoundError
from cowweb.live import ring
from hosts.drivers.errors import Busy
from hosts.drivers.records import ExecResult
from hosts.services import local_driver
from people import rights

Status = Clone.Status


def clone_pause(*, clone: Clone, actor: Actor) -> Asked:
    """Freezes a running guest where it is."""
    with operation(actor, "pause", target=f"clone:{clone.name}"):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.RUNNING, "paused")
        local_driver().pause(record_of(clone))
        clone_moved(clone.pk, to=Status.PAUSED, since=[Status.RUNNING])
        clone.refresh_from_db()
        return Asked(clone, None)


def clone_resume(*, clone: Clone, actor: Actor) -> Asked:
    """Lets a paused guest go on."""
    with operation(actor, "resume", target=f"clone:{clone.name}"):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.PAUSED, "resumed")
        local_driver().resume(record_of(clone))
        clone_moved(clone.pk, to=Status.RUNNING, since=[Status.PAUSED])
        clone.refresh_from_db()
        return Asked(clone, None)


def require(clone: Clone, status: str, what: str) -> None:
    clone.refresh_from_db()
    if clone.status != status:
        raise ConflictError(
            f"{clone.name} is {clone.status}; only a {status} clone can be {what}", field="name"
        )


def snapshot_create(*, clone: Clone, name: str, actor: Actor) -> Snapshot:
    """Keeps the disk as it is now under a name."""
    with operation(actor, "snapshot", target=f"clone:{clone.name}", params={"snapshot_name": name}):
        rights.require(actor, rights.USE, clone)
        return snapshot_taken(clone, name)


def snapshot_taken(clone: Clone, name: str) -> Snapshot:
    """Takes the snapshot; for verbs that write their own audit entry."""
    checked_name(name)
    clone.refresh_from_db()
    if clone.status not in (Status.RUNNING, Status.PAUSED, Status.STOPPED):
        raise ConflictError(f"{clone.name} is {clone.status}; it has no disk to keep now", field="name")
    with busy_with(clone.pk, now(), since=[clone.status]) as free:
        return snapshot_kept(free, name)


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


def snapshot_restore(*, clone: Clone, name: str, actor: Actor) -> Clone:
    """Takes a stopped clone's disk back to a snapshot."""
    with operation(actor, "restore", target=f"clone:{clone.name}", params={"snapshot_name": name}):
        rights.require(actor, rights.USE, clone)
        snapshot = clone.snapshots.select_related("layer").filter(name=name).first()
        if snapshot is None:
            raise NotFoundError(f"{clone.name} has no snapshot {name}", field="snapshot_name")
        require(clone, Status.STOPPED, "restored: stop it first")
        if clone.saved_at:
            raise ConflictError(
                f"{clone.name} has saved memory that fits only its present disk: start or restore it first"
            )
        with busy_with(clone.pk, now(), since=[Status.STOPPED]) as free:
            grounds_checked(free)
            if snapshot.layer is None:
                local_driver().snapshot_restore(clone.disk, name)
            else:
                taken_out(free, snapshot.layer, name)
        layers_collected()
        disk_measured(clone)
        ring(f"clone.{clone.pk}")
        return clone


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


def clone_execute(*, clone: Clone, command: str, timeout_ms: int, actor: Actor) -> ExecResult:
    """One shell command in the guest."""
    with operation(actor, "execute", target=f"clone:{clone.name}", params={"command": command}):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.RUNNING, "asked")
        try:
            with guest_of(clone) as guest:
                return guest.run(command, timeout_s=timeout_ms / 1000)
        except Busy:  # a run has the agent, and nothing was begun
            with guest_of(clone, channel="ssh") as guest:
                return guest.run(command, timeout_s=timeout_ms / 1000)


def clone_copy_to(*, clone: Clone, local: Path, remote: str, actor: Actor) -> None:
    """A file or folder of the site into the guest."""
    params = {"local": str(local), "remote": remote}
    with operation(actor, "copy_to", target=f"clone:{clone.name}", params=params):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.RUNNING, "given files")
        with free_guest(clone) as guest:
            guest.put(local, remote)


def clone_copy_from(*, clone: Clone, remote: str, local: Path, actor: Actor) -> None:
    """A file or folder of the guest out to the site."""
    params = {"local": str(local), "remote": remote}
    with operation(actor, "copy_from", target=f"clone:{clone.name}", params=params):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.RUNNING, "asked for files")
        with free_guest(clone) as guest:
            guest.get(remote, local)


def clone_logs(*, clone: Clone, lines: int, actor: Actor) -> str:
    """The tail of the serial console, as text that moves nothing where it is printed."""
    with operation(actor, "logs", target=f"clone:{clone.name}", params={"lines": lines}):
        rights.require(actor, rights.SEE, clone)
        return plain_text(local_driver().console_tail(clone.folder, lines=lines))
