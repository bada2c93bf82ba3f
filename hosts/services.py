"""The hosts and what is known of them. One host, `local`, until others are registered."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from cowweb.live import ring
from hosts.drivers.base import Driver
from hosts.drivers.load import driver_for
from hosts.drivers.records import HostFacts, MachineRecord, MemoryUse
from hosts.models import Host

LOCAL = "local"
KERNELS = "*.kernel"
MEMORY_SEEN_S = 3  # pages of many viewers are drawn from one look at a process


@lru_cache(maxsize=1)
def local_driver() -> Driver:
    """The driver of this machine. The accelerator is probed once per boot, with a kernel of the store."""
    return driver_for(
        "qemu",
        data=Path(settings.COWWEB_DATA),
        memory=Path(settings.COWWEB_MEMORY),
        probe_kernel=lambda: probe_kernel(Path(settings.COWWEB_STORE)),
    )


def probe_kernel(store: Path) -> Path | None:
    return next(iter(sorted(store.glob(KERNELS))), None)


def local_host(among: QuerySet[Host] | None = None) -> Host:
    """This host's row; `among` says how it is read."""
    hosts = Host.objects.all() if among is None else among
    host, _ = hosts.get_or_create(name=LOCAL, defaults={"kind": "qemu"})
    return host


def host_look() -> Host:
    """Looks at this machine again and keeps what was found."""
    facts = local_driver().facts()
    host = local_host()
    host.facts = asdict(facts)
    host.checked_at = timezone.now()
    host.save(update_fields=["facts", "checked_at"])
    ring("hosts")
    return host


def host_facts() -> HostFacts:
    return local_driver().facts()


def memory_of(record: Mapping[str, Any]) -> MemoryUse:
    """What of a machine's memory is its own, as of a moment ago; `record` as it is kept in a row."""
    key = f"memory.{record['uuid']}.{record['pid']}"
    found: MemoryUse | None = cache.get(key)
    if found is None:
        found = local_driver().memory_use(MachineRecord(**record))
        cache.set(key, found, MEMORY_SEEN_S)
    return found


@dataclass(frozen=True, slots=True)
class Room:
    """The largest machine this host gives, and in whose name."""

    memory_mb: int
    cpus: int
    limited_by: str


def room() -> Room:
    """What one clone may have at most: the site's limit, or all that the host has."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    cpus = os.cpu_count() or 1
    return Room(
        memory_mb=min(settings.COWWEB_MAX_MEMORY_MB or memory_mb, memory_mb),
        cpus=min(settings.COWWEB_MAX_CPUS or cpus, cpus),
        limited_by="site" if settings.COWWEB_MAX_MEMORY_MB or settings.COWWEB_MAX_CPUS else "host",
    )
