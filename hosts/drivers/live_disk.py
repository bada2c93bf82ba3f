"""The disk of a running machine: a new layer put on top of it, and the layers below drawn into it.

Example::

    frozen = layer_put(record, overlay, mark="ab12…")     # the guest writes to `overlay` from now on
    stream(record, base=store / "….qcow2", on_percent=print)
"""

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hosts.drivers.agent import qga_awake
from hosts.drivers.base import CancelSignal, OnPercent
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import DriverError, NotFound, Refused
from hosts.drivers.followed import no_percent
from hosts.drivers.layer_names import check_read_only, findable
from hosts.drivers.lending import handed_to
from hosts.drivers.lifecycle import monitor
from hosts.drivers.machine_args import AGENT, CHANNELS, DISK, QGA
from hosts.drivers.qga import GuestAgent
from hosts.drivers.qmp import Qmp
from hosts.drivers.records import MachineRecord
from hosts.drivers.standing import backing_of

FREEZE_S = 3.0
THAW_S = 10.0
SWITCH_S = 30.0
FLUSH_S = 600.0
LONG_S = 6 * 3600.0
LOOK_S = 0.3
STREAM = "flatten"
NODES = "query-named-block-nodes"
FLAT = {"flat": True}


def top_node(qmp: Qmp) -> str:
    """The node that the guest's disk writes to: the first, or that of the last layer put on it."""
    return disk_among(qmp.execute("query-block"))


def disk_among(devices: Sequence[Mapping[str, Any]]) -> str:
    """That node among what `query-block` answers."""
    for device in devices:
        name = str(device.get("inserted", {}).get("node-name", ""))
        if name == DISK or name.startswith(f"{DISK}-"):
            return name
    raise NotFound("the machine has no disk")


def writes_to(record: MachineRecord, mark: str) -> bool:
    """Whether the layer of this mark is the one that the guest writes to now."""
    with monitor(record) as qmp:
        return top_node(qmp) == f"{DISK}-{mark}"


def layer_put(record: MachineRecord, overlay: Path, *, mark: str, user: int | None = None) -> bool:
    """The guest goes on writing to `overlay`, an empty layer on its disk; what it wrote stays as it is.

    True when the guest's agent held its file systems still for that moment; otherwise the layer below
    is as after a power cut. `mark`: at most 26 characters, once per machine's life.
    """
    below = backing_of(overlay)  # while the file is still ours
    handed_to(overlay, user)
    with monitor(record) as qmp, frozen(Path(record.folder), agents_in(qmp)) as is_frozen:
        node = f"{DISK}-{mark}"
        file = {"driver": "file", "filename": str(overlay)}
        qmp.execute(
            "blockdev-add",
            {"driver": "qcow2", "node-name": node, "file": file, "backing": None, "discard": "unmap"},
        )
        try:
            top = top_node(qmp)
            with findable(qmp.execute(NODES, FLAT), top=top, layer=below, folder=overlay.parent):
                qmp.execute("blockdev-snapshot", {"node": top, "overlay": node}, timeout_s=SWITCH_S)
        except DriverError:
            with contextlib.suppress(DriverError):
                qmp.execute("blockdev-del", {"node-name": node})
            raise
        check_read_only(qmp.execute(NODES, FLAT), layer=top)
    return is_frozen


def agents_in(qmp: Qmp) -> Collection[str]:
    """The names of the sockets whose other end somebody in the guest has opened."""
    opened = {device["label"] for device in qmp.execute("query-chardev") if device["frontend-open"]}
    return [name for name, channel in CHANNELS.items() if channel in opened]


@contextlib.contextmanager
def frozen(folder: Path, agents: Collection[str]) -> Iterator[bool]:
    """The guest's file systems held still by QEMU's agent, where it is there and answers."""
    with contextlib.ExitStack() as held:
        is_frozen = False
        if AGENT in agents:
            held.enter_context(qga_awake(folder))
        if QGA in agents:
            with contextlib.suppress(DriverError):
                is_frozen = _freeze(GuestAgent(folder), held)
        yield is_frozen


def _freeze(agent: GuestAgent, held: contextlib.ExitStack) -> bool:
    """Whatever an agent that is there answers to the freezing, it is told to let go afterwards."""

    def thaw() -> None:
        with contextlib.suppress(DriverError), agent.session(Deadline(THAW_S, what="letting go")) as session:
            session.call("guest-fsfreeze-thaw")

    with agent.session(Deadline(FREEZE_S, what="holding the file systems still")) as session:
        held.callback(thaw)
        count = session.call("guest-fsfreeze-freeze")
    return isinstance(count, int) and count > 0


def stream(
    record: MachineRecord,
    *,
    base: Path,
    on_percent: OnPercent = no_percent,
    cancel: CancelSignal | None = None,
) -> None:
    """Copies what lies between the running machine's top layer and `base` into the top layer.

    Refused where that has subclusters: QEMU (7.2 at least) begins each copy at a cluster's first byte, and
    ends itself, and the guest, where only some subclusters of that cluster have been written.
    A stream that an earlier caller began is gone on with. Ended at any point, also by a kill right after the
    last byte, the disk is as good as before.
    """
    with monitor(record) as qmp:
        if _job(qmp) is None:
            _begin(qmp, base)
    _follow(record, Deadline(LONG_S, cancel, what="flattening"), on_percent)


def _begin(qmp: Qmp, base: Path) -> None:
    node, top = _node_of(qmp, base), top_node(qmp)
    if _has_subclusters(qmp, top):
        raise Refused("layers cannot be drawn into one that has subclusters")
    qmp.execute(
        "block-stream",
        {
            "job-id": STREAM,
            "device": top,
            "base-node": node,
            "backing-file": str(base),
            "auto-finalize": False,
            "auto-dismiss": False,
        },
    )


def _has_subclusters(qmp: Qmp, name: str) -> bool:
    node = next(node for node in qmp.execute(NODES, FLAT) if node["node-name"] == name)
    return bool(node["image"]["format-specific"]["data"]["extended-l2"])


def _node_of(qmp: Qmp, file: Path) -> str:
    for node in qmp.execute(NODES, FLAT):
        if node["drv"] == "qcow2" and node["image"]["filename"] == str(file):
            return str(node["node-name"])
    raise NotFound(f"the machine's disk does not stand on {file.name}")


def _job(qmp: Qmp) -> dict[str, Any] | None:
    return next((job for job in qmp.execute("query-jobs") if job["id"] == STREAM), None)


def _follow(record: MachineRecord, watch: Deadline, on_percent: OnPercent) -> None:
    """Until the stream is over; asked to stop, it is cancelled first. A connection per look, so that
    others get theirs."""
    try:
        while True:
            watch.check()
            with monitor(record) as qmp:
                if _over(qmp, on_percent):
                    return
            watch.pause(LOOK_S)
    except DriverError:
        with contextlib.suppress(DriverError):
            if _was_done(record):
                return
        raise


def _over(qmp: Qmp, on_percent: OnPercent) -> bool:
    job = _job(qmp)
    if job is None:
        raise DriverError("QEMU forgot about the flattening")
    if job["status"] == "concluded":
        _dismissed(qmp)
        if "error" in job:
            raise DriverError(f"QEMU could not flatten the disk: {job['error']}")
        _flushed(qmp)  # what it stood on may go now
        return True
    if job["status"] == "pending":
        _finalized(qmp)
    on_percent(100 * job["current-progress"] / max(job["total-progress"], 1))
    return False


def _finalized(qmp: Qmp) -> None:
    """QEMU names the new ground in the image's head at once, but may still hold back where in the image the
    copied clusters are. Killed between the two, the disk would have lost them."""
    _flushed(qmp)
    qmp.execute("job-finalize", {"id": STREAM}, timeout_s=SWITCH_S)


def _flushed(qmp: Qmp) -> None:
    """What QEMU holds back of the disk is on the host's, which takes as long as that is slow."""
    said = qmp.hmp(f'qemu-io {top_node(qmp)} "flush"', timeout_s=FLUSH_S)
    if said.strip():
        raise DriverError(f"QEMU could not write the disk out: {said.strip()}")


def _dismissed(qmp: Qmp) -> None:
    qmp.execute("job-dismiss", {"id": STREAM})


def _was_done(record: MachineRecord) -> bool:
    """Cancels the stream. True when it had come to its end before that was heard."""
    with monitor(record) as qmp:
        job = _job(qmp)
        if job is not None and job["status"] != "concluded":
            qmp.execute("block-job-cancel", {"device": STREAM})
    until = time.monotonic() + SWITCH_S
    while job is not None and time.monotonic() < until:
        with monitor(record) as qmp:
            job = _job(qmp)
            if job is not None and job["status"] == "concluded":
                _dismissed(qmp)
                if "error" not in job:
                    _flushed(qmp)
                    return True
                return False
        time.sleep(LOOK_S)
    return False
