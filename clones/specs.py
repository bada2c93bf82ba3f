"""A clone's machine, as its driver is to start it."""

from clones.identity import identity_of
from clones.models import Clone
from cowweb.errors import ConflictError
from hosts.drivers.records import MachineRecord, MachineSpec, SeedKind
from pools.specs import boot_of


def spec_of(clone: Clone) -> MachineSpec:
    """A machine that boots on the clone's disk."""
    revision = clone.revision
    return MachineSpec(
        uuid=clone.uuid,
        name=clone.name,
        folder=clone.folder,
        disk=clone.disk,
        memory_mb=clone.memory_mb,
        cpus=clone.cpus,
        boot=boot_of(revision),
        identity=identity_of(clone),
        seed=SeedKind(revision.seed),
        ports=tuple(clone.ports),
        egress_ports=egress_of(clone),
        agent=clone.has_agent or clone.template_id is not None,
    )


def egress_of(clone: Clone) -> tuple[int, ...] | None:
    """What its guest may connect to."""
    return None if clone.egress_ports is None else tuple(clone.egress_ports)


def record_of(clone: Clone) -> MachineRecord:
    """The process that is the clone's machine."""
    if clone.record is None:
        raise ConflictError(f"{clone.name} is {clone.status}; it has no process")
    return MachineRecord(**clone.record)
