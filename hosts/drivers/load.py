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
    def __call__(self, *, data: Path, probe_kernel: ProbeKernel, run_as: str | None) -> Driver: ...


def no_kernel() -> Path | None:
    return None


def driver_for(
    kind: str, *, data: Path, probe_kernel: ProbeKernel = no_kernel, run_as: str | None = None
) -> Driver:
    """`probe_kernel` names a kernel to try the accelerator with, as soon as there is one."""
    try:
        make = DRIVERS[kind]
    except KeyError:
        raise NotFound(f"there is no driver named {kind}; known are {', '.join(DRIVERS)}") from None
    return make(data=data, probe_kernel=probe_kernel, run_as=run_as)


def _qemu(*, data: Path, probe_kernel: ProbeKernel, run_as: str | None) -> QemuDriver:
    cache_file = data / ACCELERATOR_CACHE
    return QemuDriver(accelerator=lambda: probe(probe_kernel(), cache_file), disks=data, run_as=run_as)


DRIVERS: dict[str, Maker] = {"qemu": _qemu}
