"""What is done to a running machine: look, pause, resume, end. Nothing is signalled that is not ours.

A machine is ours when pid, start and boot match its record, the process was started with its uuid, and
its monitor, if it answers, says the same.
"""

import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from hosts.drivers.adopt import runs_as_uuid
from hosts.drivers.ending import ending
from hosts.drivers.errors import DriverError, NotFound, Refused, TimedOut, Unreachable
from hosts.drivers.forwards import read_forwards
from hosts.drivers.machine_args import HOLD, MONITOR, NETWORK
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import alive, send_signal, wait_gone
from hosts.drivers.qmp import DEADLINE_S, Qmp
from hosts.drivers.qmp_pipeline import Command, QmpPipeline
from hosts.drivers.records import Ending, MachineRecord, MachineStatus, PortForward
from hosts.drivers.saved_state import SAVE_S, save
from hosts.drivers.unix_sockets import connected

ASK_AGAIN_S = 3.0  # a guest that is still booting misses the power button
QUIT_S = 10.0
HEAR_S = 2.0  # before it is ended: a QEMU that is well answers in milliseconds
KILL_S = 10.0


def is_ours(record: MachineRecord) -> bool:
    """Whether the recorded process runs, without asking it anything."""
    return alive(process_of(record)) and runs_as_uuid(record.pid, record.uuid)


def monitor(record: MachineRecord, *, within_s: float = DEADLINE_S) -> Qmp:
    """A connection to the machine's monitor, after making sure who answers. The caller closes it."""
    if not is_ours(record):
        raise NotFound("the machine does not run")
    qmp = Qmp(Path(record.folder), timeout_s=within_s)
    try:
        if UUID(qmp.execute("query-uuid", timeout_s=within_s)["UUID"]) != UUID(record.uuid):
            raise Refused("another machine answers in this one's place")
    except BaseException:
        qmp.close()
        raise
    return qmp


def machine_status(record: MachineRecord) -> MachineStatus:
    """Raises Unreachable or TimedOut when the process is there but does not answer."""
    try:
        with monitor(record) as qmp:
            running = qmp.execute("query-status")["running"]
    except (NotFound, Unreachable):
        if is_ours(record):
            raise
        return MachineStatus.GONE
    return MachineStatus.RUNNING if running else MachineStatus.PAUSED


def disk_full(record: MachineRecord) -> bool:
    """Whether QEMU paused the machine because the host had no room for what it wrote.

    A full host is the only error that pauses; the devices' own `io-status` still says so after a resume.
    """
    with monitor(record) as qmp:
        return bool(qmp.execute("query-status")["status"] == "io-error")


def shutdown(record: MachineRecord, *, grace_s: float) -> bool:
    """True when the guest powered off by itself within the grace."""
    if _press_power_button(record, deadline=time.monotonic() + grace_s):
        return ending(Path(record.folder)) is Ending.POWER_OFF
    if not (_asked_to_quit(record) and wait_gone(process_of(record), timeout_s=QUIT_S)):
        kill(record)
    return False


def _asked_to_quit(record: MachineRecord) -> bool:
    """False where QEMU hears nothing, so that nobody waits for it."""
    asked = False
    with contextlib.suppress(Unreachable, TimedOut, NotFound), monitor(record, within_s=HEAR_S) as qmp:
        asked = True
        qmp.execute("quit")  # unlike a kill, writes out what is still in memory
    return asked


def kill(record: MachineRecord) -> None:
    """Ends the process at once. Does nothing when it is gone."""
    if not is_ours(record):
        return
    with contextlib.suppress(Unreachable, TimedOut, NotFound):
        # refuses a stranger; a QEMU that hangs is killed all the same
        monitor(record, within_s=HEAR_S).close()
    send_signal(process_of(record), signal.SIGKILL)
    if not wait_gone(process_of(record), timeout_s=KILL_S):
        raise TimedOut(f"process {record.pid} is still there {KILL_S:g} s after it was killed")


def resume(record: MachineRecord) -> None:
    """Lets it run. The quickest way there is: a spare is handed out by this."""
    _told(record, ("cont", {}))


def let_out(record: MachineRecord) -> None:
    """Opens the network of a machine that was started held."""
    _told(record, ("object-del", {"id": HOLD}))


def _told(record: MachineRecord, command: Command) -> None:
    """One command, quickly, after making sure who answers."""
    if not is_ours(record):
        raise NotFound("the machine does not run")
    with QmpPipeline(
        connected(Path(record.folder), MONITOR, timeout_s=QUIT_S), deadline_s=QUIT_S
    ) as pipeline:
        (answer,) = pipeline.ask(("query-uuid", {}))
        if UUID(answer["UUID"]) != UUID(record.uuid):
            raise Refused("another machine answers in this one's place")
        pipeline.ask(command)


def forward(record: MachineRecord, guest_ports: Sequence[int]) -> tuple[PortForward, ...]:
    """Forwards more of its ports, each to a port of 127.0.0.1 that the kernel chooses."""
    with monitor(record) as qmp:
        for port in guest_ports:
            said = qmp.hmp(f"hostfwd_add {NETWORK} tcp:127.0.0.1:0-:{port}").strip()
            if said:
                raise DriverError(f"port {port} could not be forwarded: {said}")
        return read_forwards(qmp)


def save_and_end(record: MachineRecord, state: Path) -> float:
    """Saves the devices of a machine whose memory is in a shared file, and ends it."""
    monitor(record).close()  # makes sure who answers
    with QmpPipeline(
        connected(Path(record.folder), MONITOR, timeout_s=QUIT_S), deadline_s=SAVE_S
    ) as pipeline:
        pause_ms = save(pipeline, state)
        pipeline.ask(("quit", {}))
    if not wait_gone(process_of(record), timeout_s=QUIT_S):
        kill(record)
    return pause_ms


def _press_power_button(record: MachineRecord, *, deadline: float) -> bool:
    """Presses until the machine is gone; False when it is not by the deadline."""
    while is_ours(record) and (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(DriverError), monitor(record, within_s=min(left, DEADLINE_S)) as qmp:
            qmp.execute("cont")  # a paused guest cannot go
            qmp.execute("system_powerdown")
        if wait_gone(process_of(record), timeout_s=min(ASK_AGAIN_S, left)):
            return True
    return not is_ours(record)
