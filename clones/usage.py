"""What people and teams use by their clones, and the machines there are, for quotas and capacity."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Literal

from django.db.models import Count, Q, Sum

from clones.models import Clone, Layer
from cowweb.drawing import MIB
from hosts.capacity import Machine
from quotas.checking import Charge
from quotas.models import Quota
from quotas.usage import Holder, Used

Status = Clone.Status
# Those that have a machine, or are about to
AT_WORK = Q(status__in=Clone.ACTIVE) | Q(status=Status.CREATING, start_asked=True)
SUMS = {
    Quota.CLONES.value: Count("pk"),
    Quota.RUNNING.value: Count("pk", filter=AT_WORK),
    Quota.VCPUS.value: Sum("cpus", filter=AT_WORK, default=0),
    Quota.MEMORY.value: Sum("memory_mb", filter=AT_WORK, default=0),
    "own": Sum("disk_bytes"),
    "kept": Sum("saved_bytes", filter=Q(saved_at__isnull=False), default=0),
}
AT_WORK_QUOTAS = (Quota.CLONES, Quota.RUNNING, Quota.VCPUS, Quota.MEMORY)
LEAST_DISK_MB = 1  # what a new layer counts as before anything is in it


def used_by(people: Collection[int], teams: Collection[int]) -> Used:
    """Clones, and of those at work machines, CPUs and memory; the disk of their layers, old ones as well."""
    found: dict[Holder, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    count_clones("user", "owner", people, found)
    count_clones("team", "team", teams, found)
    return found


def count_clones(
    kind: Literal["user", "team"], column: str, ids: Collection[int], found: dict[Holder, dict[str, int]]
) -> None:
    if not ids:
        return
    own: dict[int, int] = defaultdict(int)
    clones = Clone.objects.live().filter(**{f"{column}__in": ids}).order_by()
    for row in clones.values(column).annotate(**SUMS):
        own[row[column]] += row["own"] + row["kept"]
        found[(kind, row[column])] |= {quota: row[quota] for quota in AT_WORK_QUOTAS}
    layers = Layer.objects.filter(**{f"made_from__{column}__in": ids}).order_by()
    for pk, size in layers.values_list(f"made_from__{column}").annotate(Sum("disk_bytes")):
        own[pk] += size
    for pk, size in own.items():
        found[(kind, pk)][Quota.DISK] = -(-size // MIB)


def charges_of(clones: Sequence[Clone], *, new: bool) -> list[Charge]:
    """What these clones ask for: all of a new one, only the machine of one that is started again."""
    return [
        Charge(user=clone.owner_id, team=clone.team_id, amounts=amounts_of(clone, new=new))
        for clone in clones
    ]


def amounts_of(clone: Clone, *, new: bool) -> dict[str, int]:
    amounts: dict[str, int] = {Quota.DISK: LEAST_DISK_MB}
    if new:
        amounts[Quota.CLONES] = 1
    if clone.start_asked or not new:
        amounts |= {Quota.RUNNING: 1, Quota.VCPUS: clone.cpus, Quota.MEMORY: clone.memory_mb}
    return amounts


def whole_of(clone: Clone, *, layers: bool) -> dict[str, int]:
    """What counts of a clone that is there already, for whom it comes to. Its rows show all of it.
    `layers`: also the disks that were made from it, which stay counted while it is in the bin."""
    size = clone.disk_bytes + (clone.saved_bytes if clone.saved_at else 0)
    if layers:
        size += Layer.objects.filter(made_from=clone).aggregate(below=Sum("disk_bytes", default=0))["below"]
    amounts: dict[str, int] = {Quota.CLONES: 1, Quota.DISK: -(-size // MIB)}
    if Clone.objects.filter(AT_WORK, pk=clone.pk).exists():
        amounts |= {Quota.RUNNING: 1, Quota.VCPUS: clone.cpus, Quota.MEMORY: clone.memory_mb}
    return amounts


def machines() -> list[Machine]:
    """Those that hold room on the host, or are about to."""
    columns = ("uuid", "revision__base", "memory_mb", "cpus", "record", "disk_bytes")
    at_work = Clone.objects.filter(AT_WORK).values_list(*columns)
    return [Machine(uuid.hex, *facts) for uuid, *facts in at_work]


def machine_of(clone: Clone, *, new: bool) -> Machine:
    """What a clone that is asked for would take; of one that is not started only a disk."""
    memory_mb = clone.memory_mb if clone.start_asked or not new else 0
    return Machine(clone.uuid.hex, clone.revision.base_id, memory_mb, clone.cpus)


def disks_allocated() -> int:
    """Bytes that the layers of all clones take on the disk."""
    own = Clone.objects.live().aggregate(own=Sum("disk_bytes", default=0))["own"]
    return int(own + Layer.objects.aggregate(below=Sum("disk_bytes", default=0))["below"])
