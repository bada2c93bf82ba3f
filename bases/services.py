"""What can be done with base images. Each verb checks, records and rings.

Example::

    base = base_register(name="demo", disk=path, actor=actor, memory_mb=512)
    base_import(base.pk)          # the copying part, usually a job
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from audit.services import SYSTEM, Actor, operation
from bases.gate import admit, glance
from bases.importing import base_failed, imports_given_up
from bases.integrity import revision_checked, revision_verified
from bases.models import BaseImage, BaseRevision
from bases.store import identity_of, keep
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NameTakenError, NotFoundError
from cowweb.live import ring
from cowweb.values import InvalidValue, machine_name
from hosts.jobs import this_worker

Status = BaseImage.Status


@dataclass(frozen=True, slots=True)
class Source:
    """An image to import and how it boots."""

    disk: Path
    boot_kind: str = BaseRevision.BootKind.BIOS
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    seed: str = BaseRevision.Seed.FW_CFG


@dataclass(frozen=True, slots=True)
class Facts:
    """What a curator says of a base."""

    memory_mb: int = 2048
    cpus: int = 2
    rexx_installed: bool = False
    os: str = ""
    description: str = ""
    ssh_user: str = "root"
    metadata: Mapping[str, Any] = field(default_factory=dict)


def base_named(name: str) -> BaseImage:
    """The base, or the contract's sentence."""
    try:
        return BaseImage.objects.select_related("current").get(name=name)
    except BaseImage.DoesNotExist:
        raise NotFoundError(f"Base image {name} not found", field="base") from None


def base_ready(reference: str) -> tuple[BaseImage, BaseRevision]:
    """The base and revision that `name` or `name@revision` names, if clones can be made of it."""
    name, at, number = reference.partition("@")
    base = base_named(name)
    if base.status not in (Status.READY, Status.DEPRECATED) or base.current is None:
        raise ConflictError(
            f"Base image {name} is {base.get_status_display().lower()}, not ready", field="base"
        )
    revision = base.current
    if at:
        chosen = base.revisions.filter(number=number).first() if number.isdecimal() else None
        if chosen is None:
            raise NotFoundError(f"Base image {name} has no revision {number}", field="base")
        revision = chosen
    revision_checked(revision)
    return base, revision


def base_open(reference: str, actor: Actor) -> tuple[BaseImage, BaseRevision]:
    """The same for someone: a base that they may not see is not found."""
    base_seen(reference.partition("@")[0], actor)
    return base_ready(reference)


def base_seen(name: str, actor: Actor) -> BaseImage:
    """The base that the actor may see."""
    base = BaseImage.objects.visible_to(actor.user).select_related("current").filter(name=name).first()
    if base is None:
        raise NotFoundError(f"Base image {name} not found", field="base")
    return base


def curators_only(actor: Actor) -> None:
    if not actor.is_curator:
        raise ForbiddenError("Only a curator may change the registry of base images")


def base_register(*, name: str, source: Source, facts: Facts, actor: Actor) -> BaseImage:
    """Inspects an image, copies it into the store and registers it as a new base. Blocks for the copy."""
    params = {"disk": str(source.disk), "memory_mb": facts.memory_mb, "cpus": facts.cpus}
    with operation(actor, "register_base", target=f"base:{name}", params=params):
        curators_only(actor)
        try:
            machine_name(name)
        except InvalidValue as error:
            raise DomainError(str(error), field="name") from None
        glance(source.disk)
        base = base_begun(name, facts, actor)
        return revision_imported(base, source)


def base_begun(name: str, facts: Facts, actor: Actor) -> BaseImage:
    """The row of a base being imported; a failed one of this name is begun anew."""
    values = {
        "memory_mb": facts.memory_mb,
        "cpus": facts.cpus,
        "rexx_installed": facts.rexx_installed,
        "os": facts.os,
        "description": facts.description,
        "ssh_user": facts.ssh_user,
        "metadata": dict(facts.metadata),
        "status": Status.PROVISIONING,
        "failure": "",
        "created_by": actor.user,
        "importer": this_worker(),
    }
    imports_given_up(BaseImage.objects.filter(name=name))
    try:
        with transaction.atomic():
            if not BaseImage.objects.filter(name=name, status=Status.FAILED).update(**values):
                BaseImage.objects.create(name=name, **values)
            ring("bases")
    except IntegrityError:
        raise NameTakenError(f"There is a base image {name} already", field="name") from None
    return base_named(name)


def base_revise(*, name: str, source: Source, actor: Actor) -> BaseImage:
    """Publishes an image as the next revision of a base; clones of earlier ones keep theirs."""
    with operation(actor, "revise_base", target=f"base:{name}", params={"disk": str(source.disk)}):
        curators_only(actor)
        base = base_named(name)
        if base.status not in (Status.READY, Status.DEPRECATED):
            raise ConflictError(f"Base image {name} is {base.status}; it takes no revision now")
        glance(source.disk)
        return revision_imported(base, source)


def revision_imported(base: BaseImage, source: Source) -> BaseImage:
    """Copies the files into the store and makes them the base's current revision."""
    try:
        digest = keep(source.disk, "qcow2", inspect=admit_copy)
        kernel = keep(source.kernel, "kernel") if source.kernel else ""
        initrd = keep(source.initrd, "initrd") if source.initrd else ""
        info = admit(BaseRevision(digest=digest).disk)
    except Exception as error:
        base_failed(base, str(error))
        raise
    with transaction.atomic():
        newest = base.revisions.aggregate(newest=Max("number"))["newest"] or 0
        revision = BaseRevision.objects.create(
            base=base,
            number=newest + 1,
            digest=digest,
            virtual_size=info.virtual_size,
            file_size=BaseRevision(digest=digest).disk.stat().st_size,
            boot_kind=source.boot_kind,
            kernel_digest=kernel,
            initrd_digest=initrd,
            cmdline=source.cmdline,
            seed=source.seed,
            identity=identity_of(BaseRevision(digest=digest).disk),
            verified_at=timezone.now(),
        )
        status = Status.READY if base.status == Status.PROVISIONING else base.status
        BaseImage.objects.filter(pk=base.pk).update(
            current=revision, status=status, failure="", updated_at=timezone.now()
        )
        ring("bases", f"base.{base.pk}")
    return base_named(base.name)


def admit_copy(path: Path) -> None:
    admit(path)


def base_mark(*, base: BaseImage, status: str, actor: Actor) -> BaseImage:
    """Deprecates a base, or takes that back."""
    with operation(actor, "mark_base", target=f"base:{base.name}", params={"status": status}):
        curators_only(actor)
        allowed = [old for old, moves in BaseImage.MOVES.items() if status in moves]
        with transaction.atomic():
            moved = BaseImage.objects.filter(pk=base.pk, status__in=allowed).update(
                status=status, updated_at=timezone.now()
            )
            if not moved:
                base.refresh_from_db()
                raise ConflictError(f"Base image {base.name} is {base.status}; it cannot become {status}")
            ring("bases", f"base.{base.pk}")
        return base_named(base.name)


def base_edit(*, base: BaseImage, changes: Mapping[str, Any], actor: Actor) -> BaseImage:
    """Changes what curators may change: description, defaults, marks. Never the image."""
    with operation(
        actor, "edit_base", target=f"base:{base.name}", params={k: str(v) for k, v in changes.items()}
    ):
        curators_only(actor)
        with transaction.atomic():
            BaseImage.objects.filter(pk=base.pk).update(**changes, updated_at=timezone.now())
            ring("bases", f"base.{base.pk}")
        return base_named(base.name)


def base_verify(*, base: BaseImage, actor: Actor = SYSTEM) -> list[BaseRevision]:
    """Reads every revision's file again and compares its digest; returns those that no longer match."""
    with operation(actor, "verify_base", target=f"base:{base.name}"):
        curators_only(actor)
        return [revision for revision in base.revisions.all() if not revision_verified(revision)]
