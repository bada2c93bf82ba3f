"""What of a machine's memory is its own, and what it shares with the template it went on from.

Example::

    use = memory_use(record.pid)          # 3 MiB written since, of 256 MiB that are mapped
    use.private_bytes, use.mapped_bytes

Only copied pages count as private. The kernel's own `Private_` lines would also count pages of the file
that happen to be read by nobody else at the moment.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from hosts.drivers.machine_args import RAM
from hosts.drivers.records import MemoryUse

MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S{4} \S+ \S+ \d+ *(?P<path>.*)", re.ASCII)
FIELD = re.compile(r"(?P<name>Size|Anonymous|Swap): +(?P<kib>\d+) kB", re.ASCII)
NOTHING = MemoryUse(0, 0)
KIB = 1024


def memory_use(pid: int) -> MemoryUse:
    """Of a process that is known to be the machine; nothing where it has just ended."""
    try:
        file = ram_file(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0"))
        if file is None:
            return MemoryUse(copied(Path(f"/proc/{pid}/smaps_rollup").read_text(errors="replace")), 0)
        return mapped_use(Path(f"/proc/{pid}/smaps").read_text(errors="replace"), file)
    except OSError:
        return NOTHING


def ram_file(arguments: list[str]) -> str | None:
    """The file that a machine's memory is mapped from; None where it has ordinary memory."""
    for text in arguments:
        if not text.startswith("{"):
            continue
        named = json.loads(text)
        if named.get("id") == RAM and "mem-path" in named:
            return str(named["mem-path"])
    return None


def mapped_use(smaps: str, file: str) -> MemoryUse:
    """Sums the mappings of this file."""
    private = mapped = 0
    for path, name, kib in fields(smaps):
        if path.removesuffix(" (deleted)") != file:
            continue
        if name == "Size":
            mapped += kib * KIB
        else:
            private += kib * KIB
    return MemoryUse(private, mapped)


def copied(smaps: str) -> int:
    """Bytes of pages that belong to no file, in memory or swapped out."""
    return sum(kib * KIB for _, name, kib in fields(smaps) if name != "Size")


def fields(smaps: str) -> Iterator[tuple[str, str, int]]:
    """(path of the mapping, name of the field, KiB), for the fields that count."""
    path = ""
    for line in smaps.splitlines():
        field = FIELD.match(line)
        if field:
            yield path, field["name"], int(field["kib"])
        elif mapping := MAPPING.fullmatch(line):
            path = mapping["path"]
