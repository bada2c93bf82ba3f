"""The driver for QEMU on this host: one process and one qcow2 layer per machine.

Example::

    driver = QemuDriver(accelerator=lambda: probe(kernel, cache_file), disks=data)
    driver.disk_create(disk, backing=base)
    started = driver.start(spec)
    driver.shutdown(started.record, grace_s=20)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from hosts.drivers import (
    activity,
    cgroups,
    disk_rebuild,
    egress,
    full_disk,
    lifecycle,
    live_branch,
    live_disk,
    qemu_img,
    standing,
)
from hosts.drivers.adopt import running_machines
from hosts.drivers.base import CancelSignal, Channel, Guest, OnPercent, Shell, Size
from hosts.drivers.console import console_tail
from hosts.drivers.ending import ending
from hosts.drivers.fingerprint import fingerprint
from hosts.drivers.forwards import read_forwards
from hosts.drivers.guest import open_guest, open_terminal
from hosts.drivers.hibernate import save_whole_and_end
from hosts.drivers.host_facts import host_facts, host_use
from hosts.drivers.launch import launch
from hosts.drivers.lending import taken_back
from hosts.drivers.memory_use import NOTHING, memory_use
from hosts.drivers.qcow2 import read_header
from hosts.drivers.qcow2_overlay import overlay_write, writable
from hosts.drivers.records import (
    AcceleratorVerdict,
    Activity,
    CheckResult,
    Denied,
    DiskUsage,
    Ending,
    Enforcement,
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
from hosts.drivers.whose import Whose

SNAPSHOT_S = 120.0


class QemuDriver:
    """Implements `Driver`. Holds no state of its own: any process may use any machine's record."""

    kind = "qemu"

    def __init__(
        self, *, accelerator: Callable[[], AcceleratorVerdict], disks: Path, roots: tuple[Path, ...] = ()
    ) -> None:
        """`disks` is the folder whose room counts. Where we are root and `roots` are given, the folders that
        all files of machines are in, each machine runs as a user of its own."""
        self.whose = Whose(roots)
        self.probed = accelerator
        self.disks = disks

    def accelerator(self) -> AcceleratorVerdict:
        return self.whose.accelerated(self.probed())

    def facts(self) -> HostFacts:
        return host_facts(self.disks, verdict=self.accelerator(), whose=self.whose)

    def use(self) -> HostUse:
        return host_use(self.disks)

    # Images

    def image_inspect(self, path: Path) -> ImageInfo:
        return qemu_img.image_inspect(path)

    def image_check(self, path: Path) -> CheckResult:
        return qemu_img.image_check(path)

    def image_read(self, path: Path, most_bytes: int) -> None:
        qemu_img.image_read(path, most_bytes)

    def image_convert(self, source: Path, target: Path, *, compress: bool = False) -> None:
        qemu_img.convert(source, target, compress=compress)

    def disk_create(self, disk: Path, *, backing: Path, to_stream: bool = False) -> None:
        below = backing.resolve()
        size = read_header(below).virtual_size
        if writable(below, size) and not to_stream:
            overlay_write(disk, backing=below, virtual_size=size)
        else:
            qemu_img.overlay_create(disk, backing=below)

    def disk_streams(self, disk: Path) -> bool:
        return not read_header(disk).extended_l2

    def disk_backing(self, disk: Path) -> Path | None:
        return standing.backing_of(disk)

    def disk_stands_on(self, disk: Path, chain: Sequence[Path]) -> None:
        standing.stands_on(disk, chain)

    def disk_usage(self, disk: Path) -> DiskUsage:
        return qemu_img.usage(disk)

    def disk_chain(self, disk: Path) -> tuple[Path, ...]:
        return qemu_img.chain(disk)

    def disk_rebuild(
        self, disk: Path, target: Path, *, backing: Path, on_percent: OnPercent, cancel: CancelSignal
    ) -> None:
        disk_rebuild.rebuild(disk, target, backing=backing, on_percent=on_percent, cancel=cancel)

    def disk_standalone(
        self, disk: Path, target: Path, *, on_percent: OnPercent, cancel: CancelSignal
    ) -> None:
        disk_rebuild.standalone(disk, target, on_percent=on_percent, cancel=cancel)

    def layer_put(self, record: MachineRecord, overlay: Path, *, mark: str) -> bool:
        return live_disk.layer_put(record, overlay, mark=mark, user=self.whose.user_of(record))

    def layer_sealed(self, disk: Path) -> None:
        taken_back(disk)

    def writes_to(self, record: MachineRecord, mark: str) -> bool:
        return live_disk.writes_to(record, mark)

    def disk_stream(
        self, record: MachineRecord, *, base: Path, on_percent: OnPercent, cancel: CancelSignal
    ) -> None:
        live_disk.stream(record, base=base, on_percent=on_percent, cancel=cancel)

    # Machines

    def start(self, spec: MachineSpec) -> Started:
        return launch(spec, accelerator=self.accelerator().accelerator, whose=self.whose)

    def running(self, root: Path) -> tuple[MachineRecord, ...]:
        """Every machine below this folder that runs, known to anyone or not."""
        return running_machines(root)

    def forward(self, record: MachineRecord, guest_ports: Sequence[int]) -> tuple[PortForward, ...]:
        return lifecycle.forward(record, guest_ports)

    def forwards(self, record: MachineRecord) -> tuple[PortForward, ...]:
        """The port forwards of a machine that someone else started."""
        with lifecycle.monitor(record) as qmp:
            return read_forwards(qmp)

    def fingerprint(self, spec: MachineSpec) -> str:
        return fingerprint(spec, accelerator=self.accelerator().accelerator)

    def egress(self) -> Enforcement:
        return egress.enforcement()

    def egress_set(self, record: MachineRecord, ports: Sequence[int] | None) -> None:
        egress.hold_running(record, None if ports is None else tuple(ports))

    def egress_kept(self, wanted: Mapping[UUID, tuple[int, ...] | None]) -> Mapping[UUID, Denied | None]:
        return egress.kept(wanted)

    def egress_righted(
        self, wanted: Mapping[UUID, tuple[int, ...] | None], suspected: Collection[UUID]
    ) -> Righted:
        return egress.righted(wanted, suspected)

    def egress_end(self, uuid: UUID) -> Denied | None:
        return egress.end(uuid)

    def egress_stale(self, before: Collection[int]) -> Collection[int]:
        cgroups.swept()
        return egress.stale(before)

    def save_and_end(self, record: MachineRecord, state: Path) -> float:
        return lifecycle.save_and_end(record, state)

    def save_whole_and_end(self, record: MachineRecord, state: Path) -> SavedMemory:
        return save_whole_and_end(record, state)

    def branch(self, record: MachineRecord, overlay: Path, *, mark: str, state: Path) -> float:
        return live_branch.branch(record, overlay, mark=mark, state=state, user=self.whose.user_of(record))

    def branch_ended(self, record: MachineRecord) -> None:
        live_branch.branch_ended(record)

    def let_out(self, record: MachineRecord) -> None:
        lifecycle.let_out(record)

    def alive(self, record: MachineRecord) -> bool:
        return lifecycle.is_ours(record)

    def status(self, record: MachineRecord) -> MachineStatus:
        return lifecycle.machine_status(record)

    def memory_use(self, record: MachineRecord) -> MemoryUse:
        return memory_use(record.pid) if lifecycle.is_ours(record) else NOTHING

    def activity(self, records: Sequence[MachineRecord]) -> Mapping[str, Activity]:
        ours = {record.pid: record.uuid for record in records if lifecycle.is_ours(record)}
        return {ours[pid]: found for pid, found in activity.activity(ours).items()}

    def disk_full(self, record: MachineRecord) -> bool:
        """Whether a paused machine waits for room on the host; `resume` once there is."""
        return lifecycle.disk_full(record)

    def waits_for_room(self, record: MachineRecord) -> bool:
        return full_disk.waits_for_room(Path(record.folder)) and lifecycle.is_ours(record)

    def pause(self, record: MachineRecord) -> None:
        with lifecycle.monitor(record) as qmp:
            qmp.execute("stop")

    def resume(self, record: MachineRecord) -> None:
        lifecycle.resume(record)

    def shutdown(self, record: MachineRecord, *, grace_s: float) -> bool:
        return lifecycle.shutdown(record, grace_s=grace_s)

    def kill(self, record: MachineRecord) -> None:
        lifecycle.kill(record)

    def ending(self, folder: Path) -> Ending:
        return ending(folder)

    # Snapshots of the disk, kept in its own file

    def snapshot_create(self, disk: Path, name: str, record: MachineRecord | None) -> None:
        if record is None or not lifecycle.is_ours(record):
            return qemu_img.snapshot_create(disk, name)
        return self._live_snapshot("blockdev-snapshot-internal-sync", name, record)

    def snapshot_restore(self, disk: Path, name: str) -> None:
        """Of a machine that does not run; Busy otherwise."""
        qemu_img.snapshot_restore(disk, name)

    def snapshot_delete(self, disk: Path, name: str, record: MachineRecord | None) -> None:
        if record is None or not lifecycle.is_ours(record):
            return qemu_img.snapshot_delete(disk, name)
        return self._live_snapshot("blockdev-snapshot-delete-internal-sync", name, record)

    def _live_snapshot(self, command: str, name: str, record: MachineRecord) -> None:
        with lifecycle.monitor(record) as qmp:
            node = live_disk.top_node(qmp)
            qmp.execute(command, {"device": node, "name": name}, timeout_s=SNAPSHOT_S)

    def snapshot_extract(self, disk: Path, name: str, target: Path, *, backing: Path) -> None:
        disk_rebuild.snapshot_extract(disk, name, target, backing=backing)

    # The way in

    def console_tail(self, folder: Path, *, lines: int = 50) -> str:
        return console_tail(folder, lines=lines)

    def shell(
        self, spec: MachineSpec, record: MachineRecord, forwards: Sequence[PortForward], size: Size
    ) -> Shell:
        return open_terminal(spec, record, forwards, size)

    def guest(
        self,
        spec: MachineSpec,
        record: MachineRecord,
        forwards: Sequence[PortForward],
        *,
        channel: Channel | None = None,
    ) -> Guest:
        return open_guest(spec, record, forwards, channel=channel)
