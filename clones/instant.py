"""Clones that are running before others have booted: from a spare, or from a template's memory.

Tried first for every clone; where it cannot be, the reason is kept and the clone boots. A machine that did
not take its identity is destroyed, never handed out.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from clones.grounds import grounds_checked
from clones.identity import identity_made, identity_written, keys_kept
from clones.models import Clone
from clones.services import clone_moved, moved_untold
from clones.specs import spec_of
from cowweb.errors import ConflictError, DomainError
from cowweb.live import ring
from hosts.drivers.agent import AgentGuest
from hosts.drivers.errors import DriverError
from hosts.drivers.records import Identity, MachineRecord, Started
from hosts.jobs import work_or_wait
from hosts.services import local_driver
from pools.building import memory_there
from pools.demand import asked_once
from pools.models import Spare, Template
from pools.services import pool_of, template_for, template_hit, template_wanted
from pools.spares import spare_taken
from pools.specs import private_memory

Status = Clone.Status
Way = Clone.Way
OnPhase = Callable[[str], None]
IDENTITY_S = 20.0
BUILD_WAIT_S = 600.0
ENTROPY_BYTES = 128
SSH_PORT = 22
DRAWN_S = 0.02  # the pages that wait for a clone are drawn before what is only counted or measured


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each step."""

    disk_ms: float
    start_ms: float
    identity_ms: float
    moment_ms: float | None = None  # of a live branch
    pause_ms: float | None = None


def instantly_made(clone: Clone, *, on_phase: OnPhase) -> bool:
    """True when the clone runs and has its own identity; False when it has to boot."""
    if clone.way_asked == Way.COLD:
        return told(clone, "a cold boot was asked for")
    try:
        template = template_found(clone)
        return template is not None and made_from(clone, template, on_phase)
    except (DriverError, DomainError) as error:
        return told(clone, str(error))


def told(clone: Clone, reason: str) -> bool:
    """Keeps why the clone has to boot; refuses instead when another way was asked for."""
    if clone.way_asked in (Way.MEMORY, Way.SPARE):
        clone_moved(clone.pk, to=Status.FAILED, since=[Status.CREATING, Status.STARTING], failure=reason)
        raise ConflictError(f"{clone.name} could not be made from {clone.way_asked}: {reason}", field="path")
    Clone.objects.filter(pk=clone.pk).update(way_reason=reason[:300])
    return False


def template_found(clone: Clone) -> Template | None:
    """The template that fits. Where there is none, one is begun for the clones after this one."""
    machine = {"memory_mb": clone.memory_mb, "cpus": clone.cpus}
    template = template_for(clone.revision, **machine)
    if template and not memory_there(template):
        raise ConflictError("the template's memory is gone")
    if template:
        return template
    if clone.way_asked:
        _, job = template_wanted(clone.revision, **machine)
        if job:
            work_or_wait(job, timeout_s=BUILD_WAIT_S)
        template = template_for(clone.revision, **machine)
        if template is None:
            raise ConflictError("no template could be built for this machine")
        return template
    if pool_of(clone.revision.base).instant and not failed_before(clone):
        template_wanted(clone.revision, **machine)
        raise ConflictError("there was no template of this machine yet; one was begun for those after it")
    raise ConflictError("there was no template of this machine")


def failed_before(clone: Clone) -> bool:
    """A template that failed is built again when a curator asks, not by every clone."""
    return Template.objects.filter(
        revision=clone.revision,
        memory_mb=clone.memory_mb,
        cpus=clone.cpus,
        status=Template.Status.FAILED,
    ).exists()


def made_from(clone: Clone, template: Template, on_phase: OnPhase) -> bool:
    """From a spare where there is one, otherwise from the template's memory."""
    on_phase("clone")
    spare = clone.way_asked != Way.MEMORY and made_from_spare(clone, template, on_phase)
    if not spare:
        made_from_memory(clone, template, on_phase)
    time.sleep(DRAWN_S)
    template_hit(template)
    if spare:
        asked_once(clone.revision.base_id, found=True)
    return True


def made_from_spare(clone: Clone, template: Template, on_phase: OnPhase) -> bool:
    """False where there is none, or where it failed."""
    identity = identity_made(clone)
    try:
        spare = spare_for(clone, template, identity)
        if spare is not None:
            handed_out(clone, template, spare, identity, on_phase)
            return True
    except DriverError as error:
        destroyed(clone)
        if clone.way_asked:
            raise
        Clone.objects.filter(pk=clone.pk).update(way_reason=f"its spare failed: {error}"[:300])
    asked_once(clone.revision.base_id, found=False)
    return False


def made_from_memory(clone: Clone, template: Template, on_phase: OnPhase) -> None:
    if clone.way_asked == Way.SPARE:
        raise ConflictError("the pool has no spare now")
    try:
        restored(clone, template, on_phase)
    except DriverError:
        destroyed(clone)
        raise


def spare_for(clone: Clone, template: Template, identity: Identity) -> Spare | None:
    """A spare, the clone's own from the moment that it is taken: someone always answers for its machine."""
    with transaction.atomic():
        spare = spare_taken(template)
        if spare is not None:
            theirs = {"uuid": spare.uuid, "record": spare.record, "forwards": spare.forwards}
            keys = {"login_public": identity.login_public, "host_public": identity.host_public}
            starting(clone, moved=moved_untold, template=template, **theirs, **keys)
    return spare


def handed_out(clone: Clone, template: Template, spare: Spare, identity: Identity, on_phase: OnPhase) -> None:
    """The spare becomes the clone: its folder, its disk under the clone's name, its process."""
    start = time.perf_counter()
    record = MachineRecord(**(spare.record or {}))
    clone.uuid, clone.record, clone.forwards = spare.uuid, spare.record, spare.forwards
    clone.template = template
    spare.disk.rename(clone.disk)
    keys_kept(clone, identity)
    disk_ms = since_ms(start)
    on_phase("start")
    start = time.perf_counter()
    if clone.egress_ports is not None:  # until now it was held as most are: open
        local_driver().egress_set(record, clone.egress_ports)
    local_driver().resume(record)
    start_ms = since_ms(start)
    on_phase("ready")
    identity_ms = identified(clone, identity)
    more = [port for port in clone.ports if port != SSH_PORT]
    if more:
        forwards = local_driver().forward(record, more)
        clone.forwards = [[forward.guest_port, forward.host_port] for forward in forwards]
    running(clone, template, Way.SPARE, Times(disk_ms, start_ms, identity_ms))


def restored(clone: Clone, template: Template, on_phase: OnPhase) -> None:
    """A new layer on the template's, and its memory mapped copy-on-write."""
    start = time.perf_counter()
    clone.folder.mkdir(parents=True, mode=0o700)
    local_driver().disk_create(clone.disk, backing=template.disk)
    clone.template = template
    identity = identity_written(clone)
    disk_ms = since_ms(start)
    on_phase("start")
    starting(clone, template=template)
    start = time.perf_counter()
    grounds_checked(clone)
    started = local_driver().start(replace(spec_of(clone), memory=private_memory(template)))
    start_ms = since_ms(start)
    started_written(clone, started)
    on_phase("ready")
    identity_ms = identified(clone, identity)
    running(clone, template, Way.MEMORY, Times(disk_ms, start_ms, identity_ms))


def started_written(clone: Clone, started: Started) -> None:
    clone.record = asdict(started.record)
    clone.forwards = [[forward.guest_port, forward.host_port] for forward in started.forwards]
    Clone.objects.filter(pk=clone.pk).update(record=clone.record, forwards=clone.forwards)


def starting(clone: Clone, *, moved: Callable[..., bool] = clone_moved, **fields: Any) -> None:
    if not moved(clone.pk, to=Status.STARTING, since=[Status.CREATING], **fields):
        raise DriverError(f"{clone.name} was ended while it was being made")


def identified(clone: Clone, identity: Identity) -> float:
    """The one message, before anyone can reach the clone; every step of it acknowledged."""
    start = time.perf_counter()
    with AgentGuest(clone.folder) as agent:
        agent.identify(identity, os.urandom(ENTROPY_BYTES), machine_id=clone.uuid, timeout_s=IDENTITY_S)
    return since_ms(start)


def running(clone: Clone, template: Template | None, way: str, times: Times) -> None:
    now = timezone.now()
    moved = clone_moved(
        clone.pk,
        to=Status.RUNNING,
        since=[Status.STARTING],
        way=way,
        template=template,
        forwards=clone.forwards,
        disk_ms=times.disk_ms,
        start_ms=times.start_ms,
        identity_ms=times.identity_ms,
        moment_ms=times.moment_ms,
        pause_ms=times.pause_ms,
        ready_ms=0.0,
        identity_verified=True,
        started_at=now,
        ready_at=now,
    )
    if not moved:
        raise DriverError(f"{clone.name} was ended while it was starting")


def left_half_made(clone: Clone) -> bool:
    """Whether a worker that died left something of this clone. A machine that was started from memory and has
    not acknowledged its identity is never adopted."""
    if clone.status == Status.STARTING:
        from_memory = clone.template_id is not None or clone.way_asked == Way.LIVE
        return from_memory and not clone.identity_verified
    return clone.status == Status.CREATING and (clone.record is not None or clone.folder.exists())


def destroyed(clone: Clone) -> None:
    """Nothing stays of a machine that may not be handed out; the clone is as it was before."""
    clone.refresh_from_db()
    for record in local_driver().running(clone.folder):  # also one that nobody wrote down
        local_driver().kill(record)
    local_driver().egress_end(clone.uuid)
    shutil.rmtree(clone.folder, ignore_errors=True)
    with transaction.atomic():
        Clone.objects.filter(pk=clone.pk, status__in=[Status.CREATING, Status.STARTING]).update(
            status=Status.CREATING, record=None, forwards=[], template=None
        )
        ring("clones", f"clone.{clone.pk}")
    clone.refresh_from_db()


def since_ms(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)
