"""What a finished build is: the files of a guest and what must be known to start it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hosts.drivers.records import BootKind, SeedKind

GuestKind = Literal["tiny", "debian"]
FACTS_FILE = "guest.json"


@dataclass(frozen=True, slots=True)
class BuiltGuest:
    """A guest on this host's disk. No key, password or machine id is baked into it."""

    kind: GuestKind
    disk: Path  # qcow2 without a backing file
    kernel: Path | None
    initrd: Path | None
    cmdline: str  # for `kernel`; empty when the firmware finds its own
    boot_kind: BootKind
    ssh_user: str
    os: str
    description: str
    rexx_installed: bool
    memory_mb: int
    cpus: int
    seed: SeedKind


def write_facts(guest: BuiltGuest, folder: Path) -> None:
    """Writes what `read_facts` reads; files are kept by name, so the folder may be renamed."""
    facts = {
        "kind": guest.kind,
        "disk": guest.disk.name,
        "kernel": guest.kernel and guest.kernel.name,
        "initrd": guest.initrd and guest.initrd.name,
        "cmdline": guest.cmdline,
        "boot_kind": guest.boot_kind.value,
        "ssh_user": guest.ssh_user,
        "os": guest.os,
        "description": guest.description,
        "rexx_installed": guest.rexx_installed,
        "memory_mb": guest.memory_mb,
        "cpus": guest.cpus,
        "seed": guest.seed.value,
    }
    (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def read_facts(folder: Path) -> BuiltGuest | None:
    """The guest in this folder, or None where one of its files is missing."""
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    for name in ("disk", "kernel", "initrd"):
        facts[name] = folder / facts[name] if facts[name] else None
        if facts[name] and not facts[name].is_file():
            return None
    facts["boot_kind"] = BootKind(facts["boot_kind"])
    facts["seed"] = SeedKind(facts["seed"])
    return BuiltGuest(**facts)
