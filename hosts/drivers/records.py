"""The plain data of the driver contract: what a driver is given, and what it says of machines and hosts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal
from uuid import UUID


class MachineStatus(StrEnum):
    """What the host says of a machine, now."""

    RUNNING = "running"
    PAUSED = "paused"
    GONE = "gone"  # no such process (any more), or the pid belongs to a stranger


class Ending(StrEnum):
    """Why a machine's process is gone."""

    POWER_OFF = "power-off"  # the guest's own
    RESET = "reset"  # the guest's, of a machine that cannot boot again by itself
    ENDED = "ended"  # by us, by a signal, or by a crash


class BootKind(StrEnum):
    BIOS = "bios"
    UEFI = "uefi"
    KERNEL = "kernel"  # kernel and initrd are passed from outside


class SeedKind(StrEnum):
    """How a booting guest learns its name and keys."""

    FW_CFG = "fw_cfg"  # our first-boot hook reads QEMU's firmware configuration device
    NOCLOUD = "nocloud"  # cloud-init, from a small attached volume labelled `cidata`


@dataclass(frozen=True, slots=True)
class Boot:
    kind: BootKind
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a machine is: made on the host, pushed into the guest, pinned by the host."""

    hostname: str
    ssh_user: str
    login_key: str  # OpenSSH private key text, one pair per clone
    login_public: str  # OpenSSH public key line
    host_key: str  # OpenSSH private key text of the guest's SSH server
    host_public: str  # OpenSSH public key line, pinned


@dataclass(frozen=True, slots=True)
class Memory:
    """Where guest RAM is, and what a machine that does not boot goes on from.

    `shared`: the machine writes to the file, which is how a template is made. Otherwise the file is mapped
    copy-on-write, and the machine goes on from the saved device `state` instead of booting. Without a file
    the RAM is ordinary, and `state` is of the whole machine.
    """

    file: Path | None
    shared: bool
    state: Path | None = None
    paused: bool = False  # load, and wait for `resume`: a spare
    held: bool = False  # nothing gets in or out of it before `let_out`


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """Everything needed to start one machine. No text in it comes from a user unchecked."""

    uuid: UUID
    name: str
    folder: Path  # the machine's own folder, 0700: sockets, logs, record
    disk: Path
    memory_mb: int
    cpus: int
    boot: Boot
    identity: Identity
    seed: SeedKind = SeedKind.FW_CFG
    ports: tuple[int, ...] = ()  # guest TCP ports to forward; 22 is always forwarded
    egress_ports: tuple[int, ...] | None = None  # may connect to these; None: to everything but the host
    memory: Memory | None = None  # None: ordinary RAM, from a boot
    agent: bool = False  # whether our streaming agent is in its disk


@dataclass(frozen=True, slots=True)
class MachineRecord:
    """A running machine's facts, enough to adopt it: all must match before anything is signalled."""

    pid: int
    started_ticks: int  # field 22 of /proc/<pid>/stat
    boot_id: str  # /proc/sys/kernel/random/boot_id
    uuid: str
    folder: str


@dataclass(frozen=True, slots=True)
class SavedMemory:
    """What saving a whole machine took."""

    took_ms: float
    size: int  # bytes of the file


@dataclass(frozen=True, slots=True)
class PortForward:
    guest_port: int
    host_port: int  # on 127.0.0.1, chosen by the kernel and read back


@dataclass(frozen=True, slots=True)
class Started:
    record: MachineRecord
    forwards: tuple[PortForward, ...]


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image file says of itself. Sizes in bytes."""

    format: str
    virtual_size: int
    actual_size: int
    backing_file: str | None = None
    data_file: str | None = None
    encrypted: bool = False
    cluster_size: int = 65536
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What looking through an image's tables found."""

    corruptions: int
    leaks: int
    errors: int = 0  # of the check itself: what could not be read
    compressed: int = 0  # clusters

    @property
    def clean(self) -> bool:
        return not self.corruptions and not self.leaks and not self.errors


@dataclass(frozen=True, slots=True)
class DiskUsage:
    virtual_size: int
    actual_size: int  # bytes allocated for this layer alone


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Guest memory of a running machine. One with ordinary memory maps nothing: all it holds is its own."""

    private_bytes: int  # copied for this machine alone
    mapped_bytes: int  # mapped from the file of a template, most of it shared


@dataclass(frozen=True, slots=True)
class Activity:
    """What a running machine did and does, as the host sees it. Sums only grow, but for ended connections."""

    cpu_s: float  # processor time since it began
    sessions: int  # connections to its forwarded ports: shells, terminals, requests
    traffic_bytes: int  # of its connections, both ways


@dataclass(frozen=True, slots=True)
class ExecResult:
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(frozen=True, slots=True)
class AcceleratorVerdict:
    accelerator: Literal["kvm", "tcg"]
    reason: str  # one sentence for people
    kvm_ms: float | None = None
    tcg_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Whether a host can hold a guest to what it may connect to. The reason is a sentence for people."""

    holds: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One thing that is kept from guests, whether this host can, and why: a sentence for people."""

    name: str
    holds: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Denied:
    """What a guest tried to reach and may not, since its machine started."""

    attempts: int
    tries: Mapping[str, int]  # `address:port/protocol` as the host sees it, and how often; not every one


@dataclass(frozen=True, slots=True)
class Righted:
    """What a look at the rules in force found altered."""

    shared: tuple[str, ...] = ()  # parts that all machines share, put right
    restored: frozenset[UUID] = frozenset()  # machines whose own rules were put right
    suspects: frozenset[UUID] = frozenset()  # machines whose rules differ for the first time


@dataclass(frozen=True, slots=True)
class HostFacts:
    accelerator: AcceleratorVerdict
    hypervisor_version: str
    cpus: int
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int
    egress: Enforcement
    ticks: tuple[Tick, ...] = ()
    problems: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class HostUse:
    """What a host has and what of it is free, this moment. Cheap: asks nobody."""

    cpus: int
    load: float  # processes that run or wait, averaged over a minute
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int
