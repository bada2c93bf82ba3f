"""Under whom this host runs machines, found out by looking, and said on the host's page.

Example::

    whose = Whose(roots=(data, memory))
    whose.own_users()                       # Enforcement(holds=True, reason="…")
    who = whose.confined(spec, group)       # just before it starts
"""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from hosts.drivers import cgroups
from hosts.drivers.confine import Confined
from hosts.drivers.egress import maps_groups
from hosts.drivers.egress_rules import group_of
from hosts.drivers.errors import DriverError
from hosts.drivers.lending import FIRST_LENT, PASSABLE, SEEN, lent, made_private
from hosts.drivers.read_only import read_only_library
from hosts.drivers.records import AcceleratorVerdict, Enforcement, MachineRecord, MachineSpec
from hosts.drivers.room import room_for

KVM = Path("/dev/kvm")
GROUP_OPENS, ALL_OPEN = 0o060, 0o006
NOT_ROOT = "the server does not run as root: machines run as its user, and can read what it can"
NO_IDS = "this container has no user ids to tell machines apart by: QEMU runs as root, without capabilities"


@dataclass(frozen=True, slots=True)
class Whose:
    """`roots` are the folders that machines' files are in; without any, machines run as we do."""

    roots: tuple[Path, ...] = ()

    def own_users(self) -> Enforcement:
        """Whether each machine runs as a user that no other has."""
        if os.geteuid() != 0:
            return Enforcement(holds=False, reason=NOT_ROOT)
        if not self.roots:
            return Enforcement(holds=False, reason="machines run as root here, without capabilities")
        if not (maps_groups(FIRST_LENT, "uid_map") and maps_groups(FIRST_LENT, "gid_map")):
            return Enforcement(holds=False, reason=NO_IDS)
        try:
            self.room()
        except DriverError as error:
            return Enforcement(holds=False, reason=f"QEMU runs as root, without capabilities: {error}")
        return Enforcement(
            holds=True,
            reason="Each QEMU has a user that no other has: it reads its disk, and what that stands on.",
        )

    def room(self) -> str | None:
        """Of the site's folder they see what is for machines; each has to be there before the room is."""
        data, *others = self.roots
        folders = (*(data / name for name in SEEN), *others)
        for folder in (data, *folders):
            folder.mkdir(parents=True, exist_ok=True, mode=PASSABLE)
        return room_for(tuple(folder.resolve() for folder in folders), kept=data.resolve())

    def user_of(self, record: MachineRecord) -> int | None:
        """The user of a machine that runs."""
        user = group_of(UUID(record.uuid))
        try:
            return user if Path(f"/proc/{record.pid}").stat().st_uid == user else None
        except FileNotFoundError:
            return None

    def confined(self, spec: MachineSpec, group: int | None) -> Confined:
        """Lends it the files that it stands on. Refused where those lie outside of `roots`."""
        if not self.own_users().holds:
            return Confined(group=group)
        made_private(self.roots[0])
        roots = tuple(root.resolve() for root in self.roots)
        groups = (*lent(spec, roots=roots), *kvm_groups())
        told = read_only_library(spec, self.roots[0])
        return Confined(group_of(spec.uuid), group, groups, self.room(), told)

    def limited(self, spec: MachineSpec, pid: int) -> None:
        if self.roots:
            cgroups.limit(spec.uuid, pid, cpus=spec.cpus, memory_mb=spec.memory_mb)

    def accelerated(self, verdict: AcceleratorVerdict) -> AcceleratorVerdict:
        """KVM, where the machines' users may open it as well."""
        if verdict.accelerator != "kvm" or not self.own_users().holds or kvm_opens():
            return verdict
        reason = f"KVM works, but {KVM} is root's alone, and machines do not run as root: give it a group"
        return AcceleratorVerdict("tcg", reason, verdict.kvm_ms, verdict.tcg_ms)


def kvm_opens() -> bool:
    mode = KVM.stat().st_mode if KVM.exists() else 0
    return mode & ALL_OPEN == ALL_OPEN or bool(kvm_groups())


def kvm_groups() -> tuple[int, ...]:
    """The group that opens /dev/kvm, where one does that is not root's."""
    if not KVM.exists():
        return ()
    facts = KVM.stat()
    return (facts.st_gid,) if facts.st_gid and facts.st_mode & GROUP_OPENS == GROUP_OPENS else ()
