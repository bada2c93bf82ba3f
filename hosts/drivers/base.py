"""The driver contract: what every technology that can run clones must offer.

A driver is pure Python and knows nothing of Django. Every call blocks, has a deadline, and raises a
`DriverError`. What a call makes it unmakes when it fails. Handles (`MachineRecord`) are plain data, so
that any process on the host can adopt a machine that another one started.

Example::

    driver = driver_for("qemu")
    driver.disk_create(disk, backing=base)
    started = driver.start(spec)
    with driver.guest(spec, started.record, started.forwards) as guest:
        guest.wait_ready(timeout_s=60)
        print(guest.run("uname -a").stdout)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self
from uuid import UUID

from hosts.drivers.egress_rules import Ports
from hosts.drivers.records import (
    Activity,
    CheckResult,
    Denied,
    DiskUsage,
    Ending,
    Enforcement,
    ExecResult,
    HostFacts,
    HostUse,
    ImageInfo,
    MachineRecord,
    MachineSpec,
    MachineStatus,
    MemoryUse,
    PortForward,
    Righted,
    SavedMemory,
    Started,
)

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, bytes], None]
OnPercent = Callable[[float], None]
OnBytes = Callable[[int], None]  # the bytes that went over so far
Feed = Callable[[], bytes | None]  # asked often: what there is more, None for nothing yet, empty at the end
Channel = Literal["agent", "ssh", "qga"]


class CancelSignal(Protocol):
    """A `threading.Event` fits; so does anything that looks a flag up in the database."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal, in characters."""

    columns: int
    rows: int


class Shell(Protocol):
    """A terminal in a guest. Reading never waits; `fileno` is readable when there is something to read."""

    def fileno(self) -> int: ...

    def read(self) -> bytes | None:
        """What it printed; None for nothing yet, empty once it has ended."""

    def write(self, data: bytes) -> None: ...

    def resize(self, size: Size) -> None: ...

    def close(self) -> None: ...


class Guest(Protocol):
    """A way into a running guest. Use it as a context manager; it closes its connection."""

    @property
    def channel(self) -> Channel: ...

    def wait_ready(self, *, timeout_s: float, cancel: CancelSignal | None = None) -> None:
        """Returns once the guest answered a command; raises TimedOut or Cancelled otherwise."""

    def run(
        self,
        command: str,
        *,
        stdin: bytes | None = None,
        feed: Feed | None = None,
        timeout_s: float = 60.0,
        on_output: OnOutput | None = None,
        cancel: CancelSignal | None = None,
        token: str | None = None,
    ) -> ExecResult:
        """Runs a shell command. With `on_output` bytes go there as they come and the result carries none.
        What `feed` gives follows `stdin` for as long as the command runs; Refused where the way in has no
        such thing.

        On timeout or cancel the command's whole process tree is ended in the guest (also what detached
        itself), gracefully and then by force, within 5 seconds, and TimedOut or Cancelled is raised.
        `token` (32 hexadecimal digits) marks the processes for `end_run`.
        """

    def end_run(self, token: str) -> int | None:
        """Ends what was started with this token; how many processes are left, None when that is unknown."""

    def put(
        self,
        local: Path,
        remote: str,
        *,
        mode: int = 0o644,
        cancel: CancelSignal | None = None,
        progress: OnBytes | None = None,
    ) -> None:
        """A file, whole or not at all; or a folder, whose files join those of a folder that is there."""

    def get(
        self, remote: str, local: Path, *, cancel: CancelSignal | None = None, progress: OnBytes | None = None
    ) -> None:
        """A file, which replaces `local`; or a folder, where `local` does not exist yet."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Driver(Protocol):
    """One technology on one host."""

    @property
    def kind(self) -> str: ...

    def facts(self) -> HostFacts: ...

    def use(self) -> HostUse: ...

    def image_inspect(self, path: Path) -> ImageInfo:
        """What an image says of itself; nothing that it refers to is opened."""

    def image_read(self, path: Path, most_bytes: int) -> None:
        """Reads the beginning of what this layer alone shows; DriverError where that cannot be done."""

    def image_check(self, path: Path) -> CheckResult:
        """Looks for damage in this image alone; changes nothing."""

    def disk_create(self, disk: Path, *, backing: Path, to_stream: bool = False) -> None:
        """A new empty layer; `to_stream`: one that layers can be drawn into."""

    def disk_streams(self, disk: Path) -> bool:
        """Whether `disk_stream` can draw layers into this one."""

    def disk_backing(self, disk: Path) -> Path | None:
        """What the disk's header names below it; Altered where it has anything that we do not write."""

    def disk_stands_on(self, disk: Path, chain: Sequence[Path]) -> None:
        """That the disk stands on exactly these, by all their headers; Altered otherwise. Opens none."""

    def disk_usage(self, disk: Path) -> DiskUsage: ...

    def disk_chain(self, disk: Path) -> tuple[Path, ...]: ...

    def disk_rebuild(
        self, disk: Path, target: Path, *, backing: Path, on_percent: OnPercent, cancel: CancelSignal
    ) -> None:
        """A new layer on `backing` that shows what `disk` shows. `disk` is only read."""

    def disk_standalone(
        self, disk: Path, target: Path, *, on_percent: OnPercent, cancel: CancelSignal
    ) -> None:
        """A new image on nothing that shows what `disk` shows. `disk` is only read."""

    def layer_put(self, record: MachineRecord, overlay: Path, *, mark: str) -> bool:
        """A running machine goes on writing to `overlay`, an empty layer on its disk. True when its guest
        held its file systems still for that; otherwise what is below is as after a power cut."""

    def layer_sealed(self, disk: Path) -> None:
        """What was a machine's disk is one no more: nothing but the server may change it or its mode."""

    def writes_to(self, record: MachineRecord, mark: str) -> bool:
        """Whether a running machine writes to the layer that `layer_put` put with this mark."""

    def disk_stream(
        self, record: MachineRecord, *, base: Path, on_percent: OnPercent, cancel: CancelSignal
    ) -> None:
        """Draws everything between a running machine's top layer and `base` into the top layer."""

    def start(self, spec: MachineSpec) -> Started: ...

    def fingerprint(self, spec: MachineSpec) -> str:
        """Equal for machines that can go on from each other's saved state; changes with the hypervisor."""

    def forward(self, record: MachineRecord, guest_ports: Sequence[int]) -> tuple[PortForward, ...]:
        """Forwards more ports of a running machine; returns all of its forwards."""

    def forwards(self, record: MachineRecord) -> tuple[PortForward, ...]:
        """The forwards of a running machine, as it says itself."""

    def egress(self) -> Enforcement:
        """Whether guests can be held to `egress_ports`. Where not, `start` refuses all but `()`."""

    def egress_set(self, record: MachineRecord, ports: Sequence[int] | None) -> None:
        """Holds a running machine to other ports; its live connections to the rest end."""

    def egress_kept(self, wanted: Mapping[UUID, Ports]) -> Mapping[UUID, Denied | None]:
        """What these running machines were denied; None for one that had lost its rules and is held again."""

    def egress_righted(self, wanted: Mapping[UUID, Ports], suspected: Collection[UUID]) -> Righted:
        """Puts right what somebody altered: what all share, and rules of machines `suspected` before."""

    def egress_end(self, uuid: UUID) -> Denied | None:
        """What an ended machine was denied in all; then its rules are forgotten."""

    def egress_stale(self, before: Collection[int]) -> Collection[int]:
        """Rules of machines that do not run, on the whole host; those seen `before` as well are removed."""

    def save_and_end(self, record: MachineRecord, state: Path) -> float:
        """Saves the devices of a machine with shared memory, then ends it. Milliseconds of the saving."""

    def save_whole_and_end(self, record: MachineRecord, state: Path) -> SavedMemory:
        """Saves any machine, devices and memory, to a new private file, then ends it; it goes on when it
        cannot be saved."""

    def branch(self, record: MachineRecord, overlay: Path, *, mark: str, state: Path) -> float:
        """Writes a running machine's moment down: its memory and devices to the new file `state`, its disk by
        going on in `overlay`, an empty layer on it. Milliseconds that it stood for that; it runs on. Refused
        where no other machine could go on from it, which is to be started `paused` and `held`."""

    def branch_ended(self, record: MachineRecord) -> None:
        """Lets a machine go on that a server left standing when it died while branching it."""

    def let_out(self, record: MachineRecord) -> None:
        """Opens the network of a machine that was started held; what waited goes through."""

    def status(self, record: MachineRecord) -> MachineStatus: ...

    def running(self, root: Path) -> tuple[MachineRecord, ...]:
        """Every machine below this folder that runs, known to anyone or not."""

    def alive(self, record: MachineRecord) -> bool:
        """Whether its process runs; cheap, asks nobody."""

    def memory_use(self, record: MachineRecord) -> MemoryUse:
        """What of its memory is its own; nothing when it does not run. Cheap, asks nobody."""

    def waits_for_room(self, record: MachineRecord) -> bool:
        """Whether it stands still as the host had no room for what its guest wrote, until `resume`. Cheap."""

    def activity(self, records: Sequence[MachineRecord]) -> Mapping[str, Activity]:
        """What these machines did, by their uuid; those that do not run are left out. Asks no machine."""

    def pause(self, record: MachineRecord) -> None: ...

    def resume(self, record: MachineRecord) -> None: ...

    def shutdown(self, record: MachineRecord, *, grace_s: float) -> bool:
        """Asks the guest to power off, then uses force. True when the guest went by itself."""

    def kill(self, record: MachineRecord) -> None: ...

    def ending(self, folder: Path) -> Ending:
        """Why the last process of this machine, which is gone, went."""

    def snapshot_create(self, disk: Path, name: str, record: MachineRecord | None) -> None: ...

    def snapshot_restore(self, disk: Path, name: str) -> None: ...

    def snapshot_delete(self, disk: Path, name: str, record: MachineRecord | None) -> None: ...

    def snapshot_extract(self, disk: Path, name: str, target: Path, *, backing: Path) -> None:
        """A new layer on `backing`, on which `disk` stands, as the snapshot inside `disk` has it."""

    def console_tail(self, folder: Path, *, lines: int = 50) -> str: ...

    def shell(
        self, spec: MachineSpec, record: MachineRecord, forwards: Sequence[PortForward], size: Size
    ) -> Shell:
        """A login shell with a terminal; Refused where the machine has no SSH."""

    def guest(
        self,
        spec: MachineSpec,
        record: MachineRecord,
        forwards: Sequence[PortForward],
        *,
        channel: Channel | None = None,
    ) -> Guest:
        """The best way in; `channel` forces one, and is Refused where the machine lacks it."""
