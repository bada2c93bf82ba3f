"""What the host has promised to machines and what they really use, what one more takes, how many more fit.

A machine may come to use all the memory that it was promised, and one that shares a template's seldom does.
So two things hold for another: what is promised stays below `COWWEB_MEMORY_COMMIT` per cent of the host's
memory, and what it is expected to use is there now, beside what those that started lately will still take.

Example::

    capacity_now().fits(base=1, memory_mb=256)      # Fit(count=14, …)
    room_checked(asked, "demo")                     # in the transaction that wrote the machines' rows
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from cowweb.drawing import MIB
from cowweb.errors import HostFullError
from cowweb.wording import size
from hosts.drivers.records import HostUse
from hosts.models import Host
from hosts.services import LOCAL, local_driver, local_host, memory_of

# Of the apps above, which this one does not know
MACHINES = ("clones.usage.machines", "pools.usage.machines")
OVERHEAD = 48 * MIB  # of the process, beside the guest's memory
SLACK = 1.25  # over what machines of the kind use on average
LEAST_SHARE = 8  # an eighth of its memory, however little its like use
NEW_DISK = 64 * MIB  # while no clone of the base tells better
LEAST_DISK = 16 * MIB
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Machine:
    """One that has a process, or is about to. `memory_mb` is 0 where only a disk is asked for."""

    key: str
    base: int
    memory_mb: int
    cpus: int
    record: Mapping[str, Any] | None = None
    disk_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """How many more like it fit, what one takes, and what is short first."""

    count: int
    memory_bytes: int
    disk_bytes: int
    why: str


@dataclass(frozen=True)
class Capacity:
    use: HostUse
    machines: Sequence[Machine]
    private: Mapping[str, int]  # by a machine's key, as measured last

    @property
    def promised_bytes(self) -> int:
        return sum(machine.memory_mb for machine in self.machines) * MIB

    @property
    def promisable_bytes(self) -> int:
        return self.use.memory_bytes * settings.COWWEB_MEMORY_COMMIT // 100

    @property
    def private_bytes(self) -> int:
        return sum(self.private.get(machine.key, 0) for machine in self.machines)

    @property
    def cpus_promised(self) -> int:
        return sum(machine.cpus for machine in self.machines)

    @cached_property
    def used_alike(self) -> Mapping[tuple[int, int], float]:
        """By base and memory: what those that were measured use on average."""
        found = defaultdict(list)
        for machine in self.machines:
            if machine.key in self.private:
                found[machine.base, machine.memory_mb].append(self.private[machine.key])
        return {kind: sum(known) / len(known) for kind, known in found.items()}

    @cached_property
    def disks_alike(self) -> Mapping[int, float]:
        """By base: how large the layers of machines at work are on average."""
        found = defaultdict(list)
        for machine in self.machines:
            if machine.disk_bytes:
                found[machine.base].append(machine.disk_bytes)
        return {base: sum(known) / len(known) for base, known in found.items()}

    @cached_property
    def outstanding_bytes(self) -> int:
        """What the machines there are will take beyond what they have taken."""
        short = (self.need(m.base, m.memory_mb) - self.private.get(m.key, 0) for m in self.machines)
        return sum(max(each, 0) for each in short)

    @property
    def memory_left_bytes(self) -> int:
        reserve = settings.COWWEB_MEMORY_RESERVE_MB * MIB
        return max(self.use.memory_available_bytes - self.outstanding_bytes - reserve, 0)

    @cached_property
    def disk_left_bytes(self) -> int:
        coming = sum(max(self.disk_need(m.base) - m.disk_bytes, 0) for m in self.machines)
        return max(self.use.disk_free_bytes - coming - settings.COWWEB_DISK_RESERVE_MB * MIB, 0)

    def need(self, base: int, memory_mb: int) -> int:
        """Memory that one of this kind is expected to use: all of it, until its like have been measured."""
        if not memory_mb:
            return 0
        most = memory_mb * MIB + OVERHEAD
        alike = self.used_alike.get((base, memory_mb))
        if alike is None:
            return most
        return min(max(int(SLACK * alike), memory_mb * MIB // LEAST_SHARE + OVERHEAD), most)

    def disk_need(self, base: int) -> int:
        alike = self.disks_alike.get(base)
        return NEW_DISK if alike is None else max(int(SLACK * alike), LEAST_DISK)

    def fits(self, base: int, memory_mb: int) -> Fit:
        need, disk = self.need(base, memory_mb), self.disk_need(base)
        promisable = max(self.promisable_bytes - self.promised_bytes, 0)
        of_memory = size(self.use.memory_bytes)
        shortest = [
            (
                self.memory_left_bytes // need if need else MANY,
                f"{size(self.memory_left_bytes)} of {of_memory} memory are left, "
                f"and one is expected to use {size(need)}",
            ),
            (
                promisable // (memory_mb * MIB) if memory_mb else MANY,
                f"{size(self.promised_bytes)} of {of_memory} memory are promised, "
                f"{size(self.promisable_bytes)} may be, and one may come to use {size(memory_mb * MIB)}",
            ),
            (
                self.disk_left_bytes // disk,
                f"{size(self.disk_left_bytes)} of {size(self.use.disk_bytes)} disk are left{aside()}, "
                f"and one is expected to use {size(disk)}",
            ),
        ]
        count, why = min(shortest, key=lambda each: each[0])
        return Fit(count, need, disk, why)


def capacity_now(host: Host | None = None, *, without: Collection[str] = ()) -> Capacity:
    """Of this host, as its machines' rows say; `without` are keys of those that are only asked for."""
    found: list[Machine] = []
    for path in MACHINES:
        machines: Callable[[], Sequence[Machine]] = import_string(path)
        found += [machine for machine in machines() if machine.key not in without]
    return Capacity(local_driver().use(), found, (host or local_host()).measured)


def capacity_measured() -> int:
    """Keeps what each running machine has of its own, for those who ask what one more takes."""
    private: dict[str, int] = defaultdict(int)
    for machine in capacity_now().machines:
        if machine.record:
            use = memory_of(machine.record)
            private[machine.key] = use.private_bytes + (OVERHEAD if use.mapped_bytes else 0)
    Host.objects.filter(name=LOCAL).update(measured=private)
    return len(private)


def fit_words(fit: Fit, of: str) -> str:
    """Such as `14 more clones of demo fit`."""
    if fit.count == 1:
        return f"1 more clone of {of} fits"
    return f"{fit.count or 'No'} more clones of {of} fit"


def room_checked(asked: Sequence[Machine], of: str) -> None:
    """Refuses machines that are too many, in the transaction that wrote their rows. The host's row is locked,
    so who asks at the same time waits and then counts these."""
    if not asked:
        return
    host = local_host(Host.objects.select_for_update(no_key=True))
    first = max(asked, key=lambda machine: machine.memory_mb)
    fit = capacity_now(host, without={machine.key for machine in asked}).fits(first.base, first.memory_mb)
    if fit.count >= len(asked):
        return
    were = "was" if len(asked) == 1 else "were"
    error = HostFullError(f"{fit_words(fit, of)}, and {len(asked)} {were} asked for: {fit.why}")
    error.facts = {"fit": fit.count, "asked": len(asked)}
    raise error


def aside() -> str:
    """What is kept free of the disk, whatever is asked for."""
    kept = settings.COWWEB_DISK_RESERVE_MB * MIB
    return f" beside the {size(kept)} kept free" if kept else ""
