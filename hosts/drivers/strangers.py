"""Programs of QEMU at work in a folder, which no machine of ours explains: they are named, never touched.

Example::

    for one in strangers(data, known={4711}):
        print(one.process.pid, one.name, one.holds)
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.processes import Process, identify

PREFIXES = ("qemu-system", "qemu-nbd", "qemu-storage", "qemu-io")  # qemu-img is ours, and ends with us
MEMORY_OPTION, CPUS_OPTION = "-m", "-smp"


@dataclass(frozen=True, slots=True)
class Stranger:
    """A process, and what below the folder it works in, holds open or was told of."""

    process: Process
    name: str
    holds: tuple[Path, ...]


def strangers(root: Path, *, known: Collection[int]) -> tuple[Stranger, ...]:
    """Those that work in, hold open or were told of anything below `root`."""
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()}
    return tuple(one for pid in sorted(pids - set(known)) for one in _stranger(pid, root.resolve()))


def size_of(pid: int) -> tuple[int, int] | None:
    """Memory in MiB and processors that a machine of ours was started with; None where it does not say."""
    words = _arguments(pid)
    try:
        memory, cpus = words[words.index(MEMORY_OPTION) + 1], words[words.index(CPUS_OPTION) + 1]
        return int(memory.removesuffix("M")), int(cpus)
    except (ValueError, IndexError):
        return None


def _stranger(pid: int, root: Path) -> Iterator[Stranger]:
    name = Path((_arguments(pid) or [""])[0]).name
    if not name.startswith(PREFIXES):
        return
    places = [*_held(pid), *_named(pid, root)]
    held = tuple(dict.fromkeys(path for path in places if path.is_relative_to(root)))
    process = identify(pid)
    if held and process:
        yield Stranger(process, name, held)


def _held(pid: int) -> Iterator[Path]:
    links = [Path(f"/proc/{pid}/cwd")]
    try:
        links += list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for link in links:
        try:
            yield Path(os.readlink(link))  # noqa: PTH115 - a pipe's name is no path to resolve
        except OSError:
            continue


def _named(pid: int, root: Path) -> Iterator[Path]:
    """What its arguments name there: of a socket that it listens on, its descriptor tells no path."""
    below = re.compile(re.escape(str(root)) + r"/[^,\"\s]*")
    return (Path(found) for word in _arguments(pid) for found in below.findall(word))


def _arguments(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="replace").split("\0")
