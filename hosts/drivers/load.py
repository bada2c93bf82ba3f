"""Which technology is meant by a host's kind.

Example::

    driver = driver_for("qemu", data=Path("data"), probe_kernel=lambda: kernel)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hosts.drivers.accelerator import probe
from hosts.drivers.base import Driver
from hosts.drivers.errors import NotFound
from hosts.drivers.qemu import QemuDriver

ProbeKernel = Callable[[], Path | None]
ACCELERATOR_CACHE = "accelerator.json"


class Maker(Protocol):
    def __call__(self, *, data: Path, probe_kernel: ProbeKernel, memory: Path | None) -> Driver: ...


def no_kernel() -> Path | None:
    return None


def driver_for(
    kind: str, *, data: Path, probe_kernel: ProbeKernel = no_kernel, memory: Path | None = None
) -> Driver:
    """`memory` is where templates' memory is, outside of `data`: with it, machines are users of their own.
    `probe_kernel` names a kernel to try the accelerator with, as soon as there is one."""
    try:
        make = DRIVERS[kind]
    except KeyError:
        raise NotFound(f"there is no driver named {kind}; known are {', '.join(DRIVERS)}") from None
    return make(data=data, probe_kernel=probe_kernel, memory=memory)


def _qemu(*, data: Path, probe_kernel: ProbeKernel, memory: Path | None) -> QemuDriver:
    cache_file = data / ACCELERATOR_CACHE
    roots = (data, memory) if memory else ()
    return QemuDriver(accelerator=lambda: probe(probe_kernel(), cache_file), disks=data, roots=roots)


DRIVERS: dict[str, Maker] = {"qemu": _qemu}
