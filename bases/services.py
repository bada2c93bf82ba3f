"""What can be done with base images. Each verb checks, records and rings.

Example::

    base = base_register(name="demo", disk=path, actor=actor, memory_mb=512)
    base_import(base.pk)          # the copying part, usually a job
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from audit.services import SYSTEM, Actor, operation
from bases.gate import admit, glance
from bases.importing import base_failed, imports_given_up
from bases.integrity import revision_verified
from bases.life import revision_approve, revision_begun, revision_deprecate
from bases.models import BaseImage, BaseRevision, Stage
from bases.references import base_named, base_open, base_ready, base_seen
from bases.rights import curators_only
from bases.store import identity_of, keep
from cowweb.errors import ConflictError, DomainError, NameTakenError, NotFoundError
from cowweb.live import RIGHTS, ring
from cowweb.values import InvalidValue, machine_name
from hosts.drivers.records import ImageInfo
from hosts.jobs import this_worker
from people.models import Team

__all__ = ["base_named", "base_open", "base_ready", "base_seen", "curators_only"]
Status = BaseImage.Status
FOUND = "a sound, self-contained qcow2"


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
        revision_imported(base, source, actor=actor)
        return base_named(name)


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
        revisable(base)
        glance(source.disk)
        revision_imported(base, source, actor=actor)
        return base_named(name)


def revisable(base: BaseImage) -> None:
    """A base that is being made takes no revision yet; one whose revisions are retired takes another."""
    if not (base.status in (Status.READY, Status.DEPRECATED) or base.revisions.exists()):
        raise ConflictError(
            f"Base image {base.name} is {base.status}; it takes no revision now", field="name"
        )


def revision_imported(base: BaseImage, source: Source, *, actor: Actor, made_of: str = "") -> BaseRevision:
    """Copies the files into the store and makes a revision of them, approved unless the site wants more."""
    try:
        judged: list[ImageInfo] = []
        digest = keep(
            source.disk, "qcow2", inspect=lambda copy: judged.append(admit(copy, called=source.disk.name))
        )
        kernel = keep(source.kernel, "kernel") if source.kernel else ""
        initrd = keep(source.initrd, "initrd") if source.initrd else ""
    except Exception as error:
        base_failed(base, str(error))
        raise
    with transaction.atomic():
        newest = base.revisions.aggregate(newest=Max("number"))["newest"] or 0
        revision = BaseRevision.objects.create(
            base=base,
            number=newest + 1,
            stage=Stage.DRAFT,
            origin=made_of or source.disk.name,
            created_by=actor.user,
            digest=digest,
            virtual_size=judged[0].virtual_size,
            file_size=BaseRevision(digest=digest).disk.stat().st_size,
            boot_kind=source.boot_kind,
            kernel_digest=kernel,
            initrd_digest=initrd,
            cmdline=source.cmdline,
            seed=source.seed,
            identity=identity_of(BaseRevision(digest=digest).disk),
            verified_at=timezone.now(),
        )
        BaseImage.objects.filter(pk=base.pk).update(importer="")
        ring("bases", f"base.{base.pk}")
        return revision_begun(revision, found=FOUND, actor=actor)


def base_mark(*, base: BaseImage, status: str, actor: Actor) -> BaseImage:
    """Deprecates what the base's name means, or takes that back."""
    with operation(actor, "mark_base", target=f"base:{base.name}", params={"status": status}) as op:
        curators_only(actor)
        marks = {Status.DEPRECATED: revision_deprecate, Status.READY: revision_approve}
        if base.current is None or status not in marks:
            raise ConflictError(f"Base image {base.name} is {base.status}; it cannot become {status}")
        marks[Status(status)](revision=base.current, actor=actor)
        op.changed({"status": base.status}, {"status": status})
        return base_named(base.name)


def base_edit(*, base: BaseImage, changes: Mapping[str, Any], actor: Actor) -> BaseImage:
    """Changes what curators may change: description, defaults, marks. Never the image."""
    with operation(
        actor, "edit_base", target=f"base:{base.name}", params={k: str(v) for k, v in changes.items()}
    ) as op:
        curators_only(actor)
        old = BaseImage.objects.filter(pk=base.pk).values(*changes).first()
        with transaction.atomic():
            BaseImage.objects.filter(pk=base.pk).update(**changes, updated_at=timezone.now())
            op.changed(old or {}, changes)
            ring("bases", f"base.{base.pk}")
        return base_named(base.name)


def open_for(base: BaseImage) -> dict[str, Any]:
    return {"everyone": base.for_everyone, "teams": sorted(team.name for team in base.teams.all())}


def base_visibility(*, base: BaseImage, words: Sequence[str], actor: Actor) -> BaseImage:
    """Opens a base to `everyone`, to teams by their names, or to `curators` alone."""
    with operation(
        actor, "base_visibility", target=f"base:{base.name}", params={"for": ",".join(words)}
    ) as op:
        curators_only(actor)
        everyone = "everyone" in words
        named = [word for word in words if word not in ("everyone", "curators")]
        if everyone and named:
            raise DomainError("for=everyone stands alone: leave the teams out", field="for")
        teams = list(Team.objects.filter(name__in=named))
        missing = sorted(set(named) - {team.name for team in teams})
        if missing:
            raise NotFoundError(f"Team {missing[0]} not found", field="for")
        with transaction.atomic():
            before = open_for(base_named(base.name))
            op.changed(before, {"everyone": everyone, "teams": sorted(set(named))})
            BaseImage.objects.filter(pk=base.pk).update(for_everyone=everyone, updated_at=timezone.now())
            base.teams.set(teams)
            ring("bases", f"base.{base.pk}", RIGHTS)
        return base_named(base.name)


def base_verify(*, base: BaseImage, actor: Actor = SYSTEM) -> list[BaseRevision]:
    """Reads every revision's file again and compares its digest; returns those that no longer match."""
    with operation(actor, "verify_base", target=f"base:{base.name}"):
        curators_only(actor)
        there = base.revisions.filter(file_removed_at=None)
        return [revision for revision in there if not revision_verified(revision)]
