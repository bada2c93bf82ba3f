"""Limits of processor, memory and disk for each machine, where the host lets us set them.

A group of the machine's own below the one that the server is in: nothing leaves a limit that already holds.
Version 2 needs a delegated tree (`Delegate=yes` of systemd, with the server in a leaf called `server`);
version 1 the hierarchies of the controllers. What cannot be set is said, never assumed.

Example::

    limits()                                    # Enforcement(holds=True, reason="cpu, memory, io …")
    limit(uuid, pid, cpus=2, memory_mb=512)
    swept()                                     # groups of machines that have ended
"""

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from hosts.drivers.records import Enforcement

MOUNTS = Path("/proc/self/mountinfo")
OWN = Path("/proc/self/cgroup")
GROUP = "cowweb"
LEAF = "server"
PERIOD_US = 100_000
BESIDE_CPUS = 1  # what QEMU itself does: disk, network, monitor
BESIDE_MB = 1536  # its own memory, of which the cache of translated code is most
WEIGHT = 100  # the same for each: none gets more of the disk than another that wants it too
MIB = 1 << 20
CONTROLLERS = {"cpu": "cpu", "memory": "memory", "io": "blkio"}  # by version 2's name, version 1's


@dataclass(frozen=True, slots=True)
class Tree:
    """Where groups are made for some controllers."""

    folder: Path
    version: int
    controllers: tuple[str, ...]


def limits() -> Enforcement:
    """Which limits this host lets us set, and why not the others."""
    found = trees()
    have = [name for tree in found for name in tree.controllers]
    missing = [name for name in CONTROLLERS if name not in have]
    if not have:
        return Enforcement(
            holds=False, reason="no cgroup of this host can be written to: a machine has no limits"
        )
    versions = "/".join(sorted({f"v{tree.version}" for tree in found}))
    words = f"A group for each machine (cgroup {versions}): {', '.join(have)}."
    if missing:
        return Enforcement(holds=False, reason=f"{words} Not held: {', '.join(missing)}.")
    return Enforcement(holds=True, reason=words)


def limit(uuid: UUID, pid: int, *, cpus: int, memory_mb: int) -> None:
    """Puts a process that just began into a group of its own, as far as the host has such groups."""
    for tree in trees():
        for _ in range(2):  # a group that is still empty may be swept away
            with contextlib.suppress(OSError):
                _put(tree, uuid, pid, _values(tree, cpus, memory_mb))
                break


def _put(tree: Tree, uuid: UUID, pid: int, values: Mapping[str, str]) -> None:
    group = tree.folder / uuid.hex
    group.mkdir(exist_ok=True)
    for name, value in values.items():
        if (group / name).exists():
            (group / name).write_text(value)
    (group / "cgroup.procs").write_text(str(pid))


def swept() -> int:
    """Removes the groups that nothing is in; the kernel keeps the others."""
    gone = 0
    for tree in trees():
        for group in tree.folder.iterdir():
            if group.is_dir():
                with contextlib.suppress(OSError):
                    group.rmdir()
                    gone += 1
    return gone


@functools.cache
def trees() -> tuple[Tree, ...]:
    """Found out by making them; kept for the life of this process."""
    mounts = [line.split(" - ") for line in MOUNTS.read_text().splitlines()]
    own = {names: path for _, names, path in (line.split(":", 2) for line in OWN.read_text().splitlines())}
    return tuple(tree for left, right in mounts if (tree := _tree(left.split(), right.split(), own)))


def _tree(mount: list[str], kind: list[str], own: dict[str, str]) -> Tree | None:
    place = Path(mount[4])
    with contextlib.suppress(OSError):
        if kind[0] == "cgroup2" and "" in own:
            return _second(_inside(place, mount[3], own[""]))
        if kind[0] == "cgroup":
            named = set(kind[-1].split(","))
            listed = next(
                (path for names, path in own.items() if names and set(names.split(",")) <= named), None
            )
            if listed is not None:
                return _first(_inside(place, mount[3], listed), named)
    return None


def _inside(place: Path, shown: str, own: str) -> Path:
    """A container may see a part of the tree only, as if it were all."""
    below = own.removeprefix(shown) if shown != "/" else own
    return place / below.lstrip("/")


def _first(parent: Path, named: set[str]) -> Tree | None:
    held = tuple(name for name, older in CONTROLLERS.items() if older in named)
    if not held:
        return None
    folder = parent / GROUP
    folder.mkdir(exist_ok=True)
    return Tree(folder, 1, held)


def _second(parent: Path) -> Tree | None:
    if parent.name == LEAF:
        parent = parent.parent
    offered = (parent / "cgroup.controllers").read_text().split()
    held = tuple(name for name in CONTROLLERS if name in offered)
    if not held:
        return None
    wanted = " ".join(f"+{name}" for name in held)
    (parent / "cgroup.subtree_control").write_text(wanted)  # refused where processes are in it
    folder = parent / GROUP
    folder.mkdir(exist_ok=True)
    (folder / "cgroup.subtree_control").write_text(wanted)
    return Tree(folder, 2, held)


def _values(tree: Tree, cpus: int, memory_mb: int) -> dict[str, str]:
    quota, memory = (cpus + BESIDE_CPUS) * PERIOD_US, (memory_mb + BESIDE_MB) * MIB
    if tree.version == 2:
        return {
            "cpu.max": f"{quota} {PERIOD_US}",
            "memory.max": str(memory),
            "io.weight": f"default {WEIGHT}",
        }
    return {
        "cpu.cfs_period_us": str(PERIOD_US),
        "cpu.cfs_quota_us": str(quota),
        "memory.limit_in_bytes": str(memory),
        "blkio.bfq.weight": str(WEIGHT),
    }
