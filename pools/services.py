"""Templates: wanted by a clone or a curator, built once by a job, found again by every clone after that.

Example::

    template = template_for(revision, memory_mb=256, cpus=1)      # ready and fitting, or None
    template_wanted(revision, memory_mb=256, cpus=1)              # built in the background, once
"""

from pathlib import Path
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from audit.services import Actor, operation
from bases.models import BaseImage, BaseRevision
from bases.services import curators_only
from cowweb.errors import ConflictError, QuotaError
from cowweb.live import ring
from hosts.drivers.records import Identity, MachineSpec, SeedKind
from hosts.jobs import enqueue
from hosts.models import Job
from hosts.services import local_driver, room
from pools.models import Pool, Template
from pools.specs import boot_of
from pools.usage import spares_allowed

Status = Template.Status
BUILD = "pools.tasks.template_build_task"
OTHER_QEMU = "QEMU or the machine's arguments changed since it was built"
NOBODY = Identity("", "", "", "", "", "")


def fingerprint_of(revision: BaseRevision, *, memory_mb: int, cpus: int) -> str:
    """What a template of this machine must have now to be gone on from."""
    spec = MachineSpec(
        uuid=UUID(int=0),
        name="",
        folder=Path("/"),
        disk=Path("/"),
        memory_mb=memory_mb,
        cpus=cpus,
        boot=boot_of(revision),
        identity=NOBODY,
        seed=SeedKind(revision.seed),
    )
    return local_driver().fingerprint(spec)


def template_for(revision: BaseRevision, *, memory_mb: int, cpus: int) -> Template | None:
    """The ready template of this machine, if its saved state fits the QEMU of today."""
    fingerprint = fingerprint_of(revision, memory_mb=memory_mb, cpus=cpus)
    machine = {"memory_mb": memory_mb, "cpus": cpus, "fingerprint": fingerprint}
    found = Template.objects.filter(revision=revision, status=Status.READY, **machine).first()
    if found:
        found.revision = revision  # the caller's, which has been read already
    return found


def template_wanted(revision: BaseRevision, *, memory_mb: int, cpus: int) -> tuple[Template, Job | None]:
    """Has the template built unless one is there or being built; any number of callers, one build."""
    fingerprint = fingerprint_of(revision, memory_mb=memory_mb, cpus=cpus)
    machine = {"revision": revision, "memory_mb": memory_mb, "cpus": cpus, "fingerprint": fingerprint}
    try:
        with transaction.atomic():
            template = Template.objects.create(**machine)
            job = enqueue(BUILD, template.pk)
            ring("pools")
    except IntegrityError:
        template = Template.objects.live().get(**machine)
        return template, Job.objects.unfinished().filter(task=BUILD, subject_id=template.pk).first()
    stale_retired(template)
    return template, job


def stale_retired(newer: Template) -> None:
    """Templates of the same machine for another QEMU serve nobody any more."""
    old = Template.objects.filter(
        revision=newer.revision, memory_mb=newer.memory_mb, cpus=newer.cpus, status=Status.READY
    ).exclude(fingerprint=newer.fingerprint)
    for template in old:
        template_retired(template, OTHER_QEMU)


def pool_of(base: BaseImage) -> Pool:
    pool, _ = Pool.objects.get_or_create(base=base)
    return pool


def pool_set(*, base: BaseImage, actor: Actor, **changes: int | bool) -> Pool:
    """What a curator wishes of a base's pool."""
    with operation(actor, "set_pool", target=f"base:{base.name}", params=changes) as op:
        curators_only(actor)
        pool = pool_of(base)
        op.changed({name: getattr(pool, name) for name in changes}, changes)
        for name, value in changes.items():
            setattr(pool, name, value)
        if pool.minimum > pool.maximum:
            raise ConflictError("The minimum of spares is above the maximum", field="minimum")
        spares_allowed(base, pool.minimum)
        pool.save(update_fields=list(changes))
        if pool.minimum and base.current and base.current.is_cloned:
            template_wanted(base.current, memory_mb=base.memory_mb, cpus=base.cpus)
        ring("pools", f"base.{base.pk}")
        return pool


def template_ahead(*, base: BaseImage, memory_mb: int, cpus: int, actor: Actor) -> Template:
    """A curator has a template built before anyone asks for a clone."""
    params = {"memory_mb": memory_mb, "cpus": cpus}
    with operation(actor, "build_template", target=f"base:{base.name}", params=params):
        curators_only(actor)
        if base.current is None:
            raise ConflictError(f"Base image {base.name} has no revision yet")
        if not base.current.is_cloned:
            raise ConflictError(f"{base.current} is {base.current.stage}: templates are of cloned ones")
        checked_size(memory_mb, cpus)
        return template_wanted(base.current, memory_mb=memory_mb, cpus=cpus)[0]


def checked_size(memory_mb: int, cpus: int) -> None:
    """A machine that no clone may have needs no template."""
    most = room()
    if memory_mb > most.memory_mb:
        raise QuotaError(f"A clone may have {most.memory_mb}M at most", field="memory")
    if cpus > most.cpus:
        raise QuotaError(f"A clone may have {most.cpus} CPUs at most", field="cpus")


def template_moved(template_id: int, *, to: str, since: str, **fields: object) -> bool:
    """The one door for a template's status."""
    with transaction.atomic():
        moved = Template.objects.filter(pk=template_id, status=since).update(status=to, **fields)
        if moved:
            ring("pools", "bases")
    return bool(moved)


def template_hit(template: Template) -> None:
    Template.objects.filter(pk=template.pk).update(hits=F("hits") + 1)


def template_retired(template: Template, why: str) -> bool:
    """No new clones from it. Its disk layer stays for the clones that stand on it; its memory goes."""
    if not template_moved(template.pk, to=Status.STALE, since=Status.READY, failure=why):
        return False
    template.memory.unlink(missing_ok=True)
    for file in (template.kept_memory, template.state):
        file.unlink(missing_ok=True)
    return True
