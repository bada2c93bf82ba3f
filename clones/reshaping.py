"""Doing disk tasks: flatten, rebase, promote. The new file is made beside the old one and takes its place by
one rename, or is published; until then the clone is as it was, wherever it is interrupted.
"""

import time
from collections.abc import Callable
from pathlib import Path

from django.utils import timezone

from audit.models import Via
from audit.services import Actor
from bases.gate import glance
from bases.importing import base_failed
from bases.models import BaseImage, BaseRevision
from bases.services import (
    Facts,
    Source,
    base_begun,
    base_named,
    curators_only,
    revision_imported,
)
from bases.store import digest_of
from clones.branching import (
    completed,
    ground_followed,
    grounded,
    layer_begun,
    layers_collected,
    linked,
    machine_of,
    next_disk,
    set_aside,
    settled,
)
from clones.busy import busy_with
from clones.chains import stage_refusal, unfit
from clones.grounds import grounds_checked
from clones.models import Clone, DiskTask, Layer
from cowweb.errors import ConflictError
from cowweb.flags import Flag
from cowweb.live import ring
from hosts.drivers.errors import Cancelled
from hosts.services import local_driver

Kind = DiskTask.Kind
State = DiskTask.State
Status = Clone.Status
WRITE_S = 0.5
RESHAPABLE = [Status.STOPPED, Status.RUNNING, Status.PAUSED]


class Progress(Flag):
    """Writes down how far a task is, and hears when it is to stop."""

    def __init__(self, task: DiskTask) -> None:
        self.task, self.next_write = task, 0.0
        asked = DiskTask.objects.filter(pk=task.pk, cancel_asked_at__isnull=False)
        super().__init__(asked.exists)

    def __call__(self, percent: float) -> None:
        now = time.monotonic()
        if now >= self.next_write:
            self.next_write = now + WRITE_S
            self.noted(percent=round(percent, 1))

    def noted(self, **fields: object) -> None:
        DiskTask.objects.filter(pk=self.task.pk).update(**fields)
        ring(f"clone.{self.task.clone_id}")


def disk_task_done(task_id: int) -> None:
    """Does a task, or begins anew one whose process died."""
    task = DiskTask.objects.select_related("clone", "target", "asked_by").get(pk=task_id)
    if not task.is_open:
        return
    progress = Progress(task)
    progress.noted(state=State.RUNNING, started_at=task.started_at or timezone.now(), percent=0)
    try:
        with busy_with(task.clone_id, f"task:{task_id}", since=RESHAPABLE) as clone:
            settled(clone)
            ground_followed(clone)
            grounds_checked(clone)
            note = worked(clone, task, progress)
    except Cancelled:
        task_ended(task, State.CANCELLED, note="Cancelled; its disk shows what it showed before")
        raise
    except Exception as error:
        task_ended(task, State.FAILED, failure=str(error) or type(error).__name__)
        raise
    task_ended(task, State.DONE, note=note, percent=100)
    layers_collected()


def task_ended(task: DiskTask, state: str, **fields: object) -> None:
    DiskTask.objects.filter(pk=task.pk, state__in=DiskTask.OPEN).update(
        state=state, ended_at=timezone.now(), **fields
    )
    ring("clones", f"clone.{task.clone_id}")


def worked(clone: Clone, task: DiskTask, progress: Progress) -> str:
    """Does it, leaves no working file behind, and returns what came of it."""
    if progress.is_set():
        raise Cancelled("cancelled before it began")
    try:
        return DOERS[task.kind](clone, task, progress)
    finally:
        working_file(clone, task).unlink(missing_ok=True)


def working_file(clone: Clone, task: DiskTask) -> Path:
    return clone.folder / f".task-{task.pk}.qcow2"


def flattened(clone: Clone, task: DiskTask, progress: Progress) -> str:
    before = clone.depth
    record = machine_of(clone)
    if record is None:
        rebuilt(clone, task, clone.revision, progress)
        return f"{layers_word(before - 1)} drawn into one on {clone.revision}"
    driver = local_driver()
    progress.noted(note="QEMU draws the layers into the running disk")
    try:
        if not driver.disk_streams(clone.disk):
            set_aside(clone, to_stream=True)
        driver.disk_stream(record, base=clone.revision.disk.resolve(), on_percent=progress, cancel=progress)
    finally:
        grounded(clone)
    return f"{layers_word(before - 1)} drawn into one on {clone.revision}, while it ran"


def layers_word(count: int) -> str:
    return "One layer" if count == 1 else f"{count} layers"


def rebased(clone: Clone, task: DiskTask, progress: Progress) -> str:
    if task.target is None:
        raise ConflictError("The revision to go to is not there any more")
    before = clone.revision
    still_open(clone, task)
    rebuilt(clone, task, task.target, progress)
    return f"From {before} to {task.target}; what the guest sees is the same"


def still_open(clone: Clone, task: DiskTask) -> None:
    """The revision to go to may have been retired, or found changed, since it was asked for."""
    to = BaseRevision.objects.select_related("base").get(pk=task.target_id or 0)
    asker = Actor(user=task.asked_by, via=Via.SYSTEM)
    refusal = stage_refusal(to, asker) or unfit(clone.revision, to)
    if refusal:
        raise ConflictError(f"{clone.name} stays on {clone.revision}: {refusal}")


def rebuilt(clone: Clone, task: DiskTask, revision: BaseRevision, progress: Progress) -> None:
    """The clone's disk anew on this revision alone."""
    if machine_of(clone) is not None:
        raise ConflictError(f"{clone.name} runs; stop it first")
    progress.noted(note=f"Writing a new disk on {revision}")
    new = working_file(clone, task)
    new.unlink(missing_ok=True)
    local_driver().disk_rebuild(clone.disk, new, backing=revision.disk, on_percent=progress, cancel=progress)
    if progress.is_set():
        raise Cancelled("cancelled before the new disk was put in place")
    clone.refresh_from_db()
    if machine_of(clone) is not None:
        raise ConflictError(f"{clone.name} was started meanwhile; its disk stays as it is")
    if task.kind == Kind.REBASE:
        still_open(clone, task)
    swapped(clone, new)


def swapped(clone: Clone, new: Path) -> None:
    """The new file becomes the clone's disk. The old one is kept, as a layer, for the snapshots inside it."""
    if not clone.snapshots.filter(layer__isnull=True).exists():
        new.rename(clone.disk)
        grounded(clone)
        return
    layer = layer_begun(clone)
    linked(clone, layer)
    new.rename(next_disk(clone, layer))
    completed(clone, layer, Layer.Kept.STOPPED)


def promoted(clone: Clone, task: DiskTask, progress: Progress) -> str:
    """The disk as one file of its own, through the gate into the store."""
    actor = Actor(user=task.asked_by, via=Via.SYSTEM)
    curators_only(actor)
    file = working_file(clone, task)
    file.unlink(missing_ok=True)
    progress.noted(note="Writing an image of its own")
    local_driver().disk_standalone(clone.disk, file, on_percent=progress, cancel=progress)
    if progress.is_set():
        raise Cancelled("cancelled before anything was published")
    progress.noted(note="Checking it and copying it into the store", percent=99)
    before = published_before(task, file)
    if before:
        return f"Published as {before}"
    glance(file)
    base = base_to_publish(clone, task, actor)
    source, made_of = source_of(clone.revision, file), f"clone {clone.name} of {clone.revision}"
    return f"Published as {revision_imported(base, source, actor=actor, made_of=made_of)}"


def published_before(task: DiskTask, file: Path) -> BaseRevision | None:
    """What this task published before its process died: the same bytes, since it was asked for."""
    since = BaseRevision.objects.filter(base__name=task.target_name, created_at__gte=task.created_at)
    return since.filter(digest=digest_of(file)).first() if since.exists() else None


def base_to_publish(clone: Clone, task: DiskTask, actor: Actor) -> BaseImage:
    """The clone's own base, or a new one for the same people; what a killed try began is begun again."""
    own = clone.revision.base
    if task.target_name == own.name:
        return base_named(own.name)
    left = BaseImage.objects.filter(
        name=task.target_name, status=BaseImage.Status.PROVISIONING, created_at__gte=task.created_at
    ).first()
    if left:
        base_failed(left, "The server stopped while it was published")
    facts = Facts(
        memory_mb=clone.memory_mb,
        cpus=clone.cpus,
        rexx_installed=own.rexx_installed,
        os=own.os,
        description=f"Made from the clone {clone.name} of {clone.revision}",
        ssh_user=own.ssh_user,
    )
    base = base_begun(task.target_name, facts, actor)
    BaseImage.objects.filter(pk=base.pk).update(for_everyone=own.for_everyone)
    base.teams.set(own.teams.all())
    return base


def source_of(revision: BaseRevision, disk: Path) -> Source:
    """It boots as the revision does that it was made of."""
    return Source(
        disk=disk,
        boot_kind=revision.boot_kind,
        kernel=revision.kernel,
        initrd=revision.initrd,
        cmdline=revision.cmdline,
        seed=revision.seed,
    )


DOERS: dict[str, Callable[[Clone, DiskTask, Progress], str]] = {
    Kind.FLATTEN: flattened,
    Kind.REBASE: rebased,
    Kind.PROMOTE: promoted,
}
