"""The moment of a running machine, devices, memory and disk, written down while it hardly pauses.

Its memory is copied once while it runs. Only then it is stopped: its disk goes on in a new layer, what it
wrote in the meantime is copied, the devices are saved, and it goes on. It is never ended by this, and never
writes to what was written down: the state is a file of its own, the layer below is its disk no more. Works
however its memory came to be.

QEMU's emulation marks a page before it writes to it, so a mark that is looked at and taken away in between
is lost, and what was written with it: a child of such a parent crashes. So the marks are only looked at while
the machine stands still: for a moment at the beginning, and at the end. There is no second pass.

Example::

    pause_ms = branch(record, overlay, mark="ab12…", state=memory / "child.state")
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from hosts.drivers.errors import DriverError, NotFound, Refused
from hosts.drivers.hibernate import same_qemu
from hosts.drivers.host_errors import host_errors
from hosts.drivers.layer_names import check_read_only, findable
from hosts.drivers.lending import handed_to
from hosts.drivers.lifecycle import QUIT_S, is_ours
from hosts.drivers.live_disk import FLAT, NODES, disk_among
from hosts.drivers.machine_args import DISK, MONITOR
from hosts.drivers.plugged import nothing_plugged
from hosts.drivers.qmp_pipeline import Command, Message, QmpPipeline
from hosts.drivers.records import MachineRecord
from hosts.drivers.saved_state import POLL_S, UNLIMITED, capabilities
from hosts.drivers.standing import backing_of
from hosts.drivers.unix_sockets import connected

BRANCH_S = 300.0
NO_SECOND_PASS = 0  # ms that the last pass may take: QEMU looks at the marks again only for more than this
SWITCH = "pre-switchover"
UNDER_WAY = ("setup", "active", "device", SWITCH, "cancelling")
NOT_YET = "not finalized"
AGAIN_S = 0.0003
MICRO = 1e6


def branch(record: MachineRecord, overlay: Path, *, mark: str, state: Path, user: int | None = None) -> float:
    """How long the machine was stopped, in ms. `overlay` is an empty layer on its disk, `state` is made."""
    if not is_ours(record):
        raise NotFound("the machine does not run")
    below = backing_of(overlay)  # while the file is still ours
    handed_to(overlay, user)
    with (
        host_errors("the machine's memory could not be written down"),
        new_file(state) as descriptor,
        QmpPipeline(
            connected(Path(record.folder), MONITOR, timeout_s=QUIT_S), deadline_s=BRANCH_S
        ) as monitor,
    ):
        running(monitor, record)
        same_qemu(monitor)
        nothing_plugged(monitor)
        (devices,) = monitor.ask(("query-block", {}))
        top, node = disk_among(devices), f"{DISK}-{mark}"
        with layer_ready(monitor, overlay, node):
            (nodes,) = monitor.ask((NODES, FLAT))
            with findable(nodes, top=top, layer=below, folder=overlay.parent), going_on(monitor):
                begin(monitor, descriptor, top)
                copied_to(monitor, SWITCH)
                pause_ms = switched(monitor, top, node)
        (nodes,) = monitor.ask((NODES, FLAT))
        check_read_only(nodes, layer=top)
        return pause_ms


@contextlib.contextmanager
def new_file(state: Path) -> Iterator[int]:
    """Private, and gone again when this fails."""
    descriptor = os.open(state, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    except BaseException:
        state.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def branch_ended(record: MachineRecord) -> None:
    """Lets a machine go on that a server left standing when it died while branching it."""
    if not is_ours(record):
        return
    with QmpPipeline(connected(Path(record.folder), MONITOR, timeout_s=QUIT_S), deadline_s=QUIT_S) as monitor:
        (migration,) = monitor.ask(("query-migrate", {}))
        if migration.get("status") in (*UNDER_WAY, "completed"):
            with contextlib.suppress(Refused):  # it was paused by someone, and stays so
                running(monitor, record)


def running(monitor: QmpPipeline, record: MachineRecord) -> None:
    """Makes sure that it is the machine and that it runs, or runs again."""
    identity, status, migration = monitor.ask(("query-uuid", {}), ("query-status", {}), ("query-migrate", {}))
    if UUID(identity["UUID"]) != UUID(record.uuid):
        raise Refused("another machine answers in this one's place")
    left_over = migration.get("status") in UNDER_WAY
    if left_over:  # by a server that died: it would hold the monitor otherwise
        monitor.ask(("migrate_cancel", {}))
        wait_idle(monitor)
    if left_over or status["status"] == "postmigrate":
        resumed(monitor)
    elif not status["running"]:
        raise Refused("the machine is paused")


@contextlib.contextmanager
def layer_ready(monitor: QmpPipeline, overlay: Path, node: str) -> Iterator[None]:
    """The new layer is open before the machine stops for it; closed again where it was not put on."""
    file = {"driver": "file", "filename": str(overlay)}
    opened = {"driver": "qcow2", "node-name": node, "file": file, "backing": None, "discard": "unmap"}
    monitor.ask(("blockdev-add", opened))
    try:
        yield
    except BaseException:
        with contextlib.suppress(DriverError):
            monitor.ask(("blockdev-del", {"node-name": node}))  # refused when it is in use
        raise


@contextlib.contextmanager
def going_on(monitor: QmpPipeline) -> Iterator[None]:
    """Whatever happens, the machine runs afterwards."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(DriverError):
            monitor.ask(("migrate_cancel", {}))
            wait_idle(monitor)
        with contextlib.suppress(DriverError):
            resumed(monitor)
        raise


def resumed(monitor: QmpPipeline) -> None:
    """Between the last byte and the end of the copying QEMU refuses for a moment."""
    while True:
        try:
            monitor.ask(("cont", {}))
            return
        except DriverError as error:
            if NOT_YET not in str(error) or time.monotonic() >= monitor.deadline:
                raise
        time.sleep(AGAIN_S)


def wait_idle(monitor: QmpPipeline) -> None:
    while progress(monitor) in UNDER_WAY:
        time.sleep(POLL_S)


def progress(monitor: QmpPipeline) -> str:
    (answer,) = monitor.ask(("query-migrate", {}))
    return str(answer.get("status", ""))


def begin(monitor: QmpPipeline, descriptor: int, top: str) -> None:
    """The copying begins with the machine stopped, and goes on with it running. What its disk still holds
    back goes out first, so that stopping need not wait for it."""
    monitor.events.clear()
    flush = f'qemu-io {top} "flush"'
    monitor.ask(("human-monitor-command", {"command-line": flush}))
    monitor.ask(("getfd", {"fdname": "branch"}), descriptor=descriptor)
    monitor.ask(
        capabilities(whole=True, switch=True),
        ("migrate-set-parameters", {"max-bandwidth": UNLIMITED, "downtime-limit": NO_SECOND_PASS}),
        ("stop", {}),
        ("migrate", {"uri": "fd:branch"}),
    )
    copied_to(monitor, "active")
    with contextlib.suppress(DriverError):  # so little memory that all of it is copied already
        monitor.ask(("cont", {}))


def copied_to(monitor: QmpPipeline, status: str) -> None:
    """Waits until the copying has got this far; raises when it has failed, also while something was asked."""
    if any(seen["event"] == "MIGRATION" and seen["data"]["status"] == "failed" for seen in monitor.events):
        raise DriverError("The machine's memory could not be copied")
    monitor.wait_for("MIGRATION", status=status)


def switched(monitor: QmpPipeline, top: str, node: str) -> float:
    """The disk in a new layer, the last pass and the devices, and on it goes. How long it stood, in ms."""
    put: Command = ("blockdev-snapshot", {"node": top, "overlay": node})
    monitor.ask(put, ("migrate-continue", {"state": SWITCH}))
    copied_to(monitor, "completed")
    resumed(monitor)
    while len(happened(monitor, "RESUME")) < len(happened(monitor, "STOP")):
        monitor.ask(("query-status", {}))
    stops, resumes = sum(happened(monitor, "STOP")), sum(happened(monitor, "RESUME"))
    return round((resumes - stops) * 1000, 2)


def happened(monitor: QmpPipeline, event: str) -> list[float]:
    """When it did, each time."""
    return [at_s(seen) for seen in monitor.events if seen["event"] == event]


def at_s(event: Message) -> float:
    stamp = event["timestamp"]
    return float(stamp["seconds"] + stamp["microseconds"] / MICRO)
