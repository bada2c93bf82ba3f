"""What this host has, for machines to use."""

import functools
import os
import re
import shutil
from pathlib import Path

from hosts.drivers.egress import look_again
from hosts.drivers.errors import DriverError
from hosts.drivers.machine_args import PROGRAM
from hosts.drivers.process import program, run
from hosts.drivers.records import AcceleratorVerdict, HostFacts, HostUse
from hosts.drivers.ticks import ticks
from hosts.drivers.whose import Whose

NEEDED = (PROGRAM, "qemu-img", "setpriv", "prlimit")
VERSION = re.compile(r"version (\d+\.\d+(?:\.\d+)?)", re.ASCII)
ASK_S = 20.0
KIB = 1024


def host_facts(folder: Path, *, verdict: AcceleratorVerdict, whose: Whose) -> HostFacts:
    """`folder` is where the disks are; the nearest folder above it that exists is looked at."""
    use = host_use(folder)
    return HostFacts(
        accelerator=verdict,
        hypervisor_version=qemu_version() or "",
        cpus=use.cpus,
        memory_bytes=use.memory_bytes,
        memory_available_bytes=use.memory_available_bytes,
        disk_bytes=use.disk_bytes,
        disk_free_bytes=use.disk_free_bytes,
        egress=look_again(),
        ticks=ticks(whose),
        problems=tuple(_problems()),
    )


def host_use(folder: Path) -> HostUse:
    """`folder` as above."""
    memory = _memory()
    disk = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists()))
    return HostUse(
        cpus=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        memory_bytes=memory["MemTotal"],
        memory_available_bytes=memory["MemAvailable"],
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )


def qemu_version() -> str | None:
    """QEMU's version, such as `7.2.22`; None when it is not installed or does not run."""
    try:
        path = Path(program(PROGRAM))
        return _version(path, path.stat().st_mtime_ns)
    except DriverError:
        return None


@functools.lru_cache(maxsize=4)
def _version(path: Path, _changed_ns: int) -> str | None:
    found = VERSION.search(run([str(path), "--version"], timeout_s=ASK_S).stdout.decode(errors="replace"))
    return found.group(1) if found else None


def _problems() -> list[str]:
    problems = []
    for name in NEEDED:
        try:
            program(name)
        except DriverError as error:
            problems.append(str(error))
    return problems


def _memory() -> dict[str, int]:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) * KIB for name, rest in (line.split(":", 1) for line in lines)}
