"""The machines that templates and spares are, as their driver is to start them."""

from pathlib import Path
from uuid import UUID

from bases.models import BaseRevision
from hosts.drivers.keys import make_identity
from hosts.drivers.records import Boot, BootKind, Identity, MachineSpec, Memory, SeedKind
from pools.models import Spare, Template


def boot_of(revision: BaseRevision) -> Boot:
    return Boot(BootKind(revision.boot_kind), revision.kernel, revision.initrd, revision.cmdline)


def machine_of(
    template: Template, *, uuid: UUID, name: str, folder: Path, disk: Path, identity: Identity, memory: Memory
) -> MachineSpec:
    """A machine that shares the template's revision and size, and so its fingerprint."""
    return MachineSpec(
        uuid=uuid,
        name=name,
        folder=folder,
        disk=disk,
        memory_mb=template.memory_mb,
        cpus=template.cpus,
        boot=boot_of(template.revision),
        identity=identity,
        seed=SeedKind(template.revision.seed),
        memory=memory,
    )


def template_machine(template: Template) -> MachineSpec:
    """The template itself, while it is being made: its memory is the file that clones will map."""
    return machine_of(
        template,
        uuid=template.uuid,
        name="template",
        folder=template.folder,
        disk=template.disk,
        identity=make_identity("template", template.revision.base.ssh_user),
        memory=Memory(template.memory, shared=True),
    )


def spare_machine(spare: Spare) -> MachineSpec:
    """A spare: restored, primed once, paused. Its keys are made when it is handed out."""
    return machine_of(
        spare.template,
        uuid=spare.uuid,
        name="spare",
        folder=spare.folder,
        disk=spare.disk,
        identity=make_identity("spare", spare.template.revision.base.ssh_user),
        memory=private_memory(spare.template),
    )


def private_memory(template: Template, *, paused: bool = False) -> Memory:
    return Memory(template.memory, shared=False, state=template.state, paused=paused)
