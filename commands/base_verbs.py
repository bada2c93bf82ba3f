"""The verbs about base images."""

from pathlib import Path

from bases.models import BaseImage, BaseRevision
from bases.rights import curators_only
from bases.services import Facts, Source, base_register
from commands.keys import SEEDS
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError
from cowweb.values import InvalidValue, memory_mb, whole_number
from cowweb.wording import counted


def register_base(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)  # before a file is looked for
    values, extra = command.values, command.extra
    base = base_register(
        name=values["name"],
        source=source_of(caller.taken_file(values["disk"], key="disk"), values),
        facts=Facts(
            memory_mb=megabytes(values.get("memory", "2G")),
            cpus=number(values.get("cpus", "2"), key="cpus"),
            rexx_installed=flag(values, "rexxjs_installed"),
            os=values.get("os", ""),
            description=values.get("description", ""),
            ssh_user=extra.get("ssh_user", "root"),
            metadata=extra,
        ),
        actor=caller.actor,
    )
    revision = base.newest
    assert revision
    awaits = "" if revision.is_cloned else "; another curator approves it"
    return {
        "output": f"Base image {base.name} registered successfully{awaits}",
        "name": base.name,
        "disk": str(revision.disk),
        "digest": revision.digest,
        "virtual_size": revision.virtual_size,
        "status": base.status,
    }


def source_of(disk: Path, values: dict[str, str]) -> Source:
    """How the image boots, and learns who it is."""
    boot = values.get("boot", BaseRevision.BootKind.BIOS)
    return Source(disk=disk, boot_kind=boot, seed=SEEDS[values.get("seed", "fw_cfg")])


def list_bases(command: Command, caller: Caller) -> Result:
    usable = BaseImage.objects.visible_to(caller.actor.user).usable().select_related("current")
    bases = [base_entry(base) for base in usable.order_by("name")]
    names = ", ".join(str(base["name"]) for base in bases)
    many = counted(len(bases), "base image")
    return {
        "output": f"{many}: {names}" if bases else "No base images yet",
        "count": len(bases),
        "bases": bases,
    }


def base_entry(base: BaseImage) -> dict[str, object]:
    """A base as the contract spells it."""
    return {
        "name": base.name,
        "status": base.status,
        "created": base.created_at.isoformat(),
        "diskPath": str(base.current.disk) if base.current else None,
        "memory": f"{base.memory_mb}M",
        "cpus": base.cpus,
        "metadata": {
            **base.metadata,
            "os": base.os,
            "description": base.description,
            "rexxjs_installed": base.rexx_installed,
            "digest": base.current.digest if base.current else None,
            "revision": base.current.number if base.current else None,
        },
    }


def megabytes(text: str) -> int:
    try:
        return memory_mb(text)
    except InvalidValue as error:
        raise DomainError(f"memory={error}", field="memory") from None


def number(text: str, *, key: str, most: int = 1024) -> int:
    try:
        return whole_number(text, least=1, most=most, what=f"a number for {key}")
    except InvalidValue as error:
        raise DomainError(f"{key}={error}", field=key) from None


def flag(values: dict[str, str], key: str) -> bool:
    return values.get(key, "false") == "true"
