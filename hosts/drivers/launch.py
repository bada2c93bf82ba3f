"""Starting one QEMU so that it outlives us, and undoing everything when it does not come up.

The sockets are made here and passed on, so connecting needs no waiting for files to appear: the greeting
comes when QEMU is ready, and the connection breaks when it dies.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from hosts.drivers.confine import Confined, confined, environment
from hosts.drivers.console import console_trim, tail
from hosts.drivers.egress import enforcement, hold, let_go
from hosts.drivers.egress_rules import group_of
from hosts.drivers.errors import Busy, DriverError, Refused, TimedOut, Unreachable
from hosts.drivers.firmware import uefi
from hosts.drivers.forwards import read_forwards
from hosts.drivers.host_errors import host_errors
from hosts.drivers.lending import handed_over
from hosts.drivers.machine_args import FIRMWARE_VARIABLES, MONITOR, SOCKETS, machine_argv
from hosts.drivers.machine_record import RECORD, process_of, read_record, record_of, write_record
from hosts.drivers.process import failure
from hosts.drivers.processes import alive, identify
from hosts.drivers.qmp import Qmp
from hosts.drivers.qmp_pipeline import QmpPipeline
from hosts.drivers.records import BootKind, MachineSpec, PortForward, Started
from hosts.drivers.saved_state import load
from hosts.drivers.seed import write_seed
from hosts.drivers.unix_sockets import connected, listening
from hosts.drivers.whose import Whose

LOG = "qemu.log"
LOCK = "start.lock"
READY_S = 30.0
END_S = 5.0


def launch(spec: MachineSpec, *, accelerator: Literal["kvm", "tcg"], whose: Whose) -> Started:
    """Starts the machine. Raises Busy when it runs already or its disk is in use."""
    with (
        host_errors("the machine could not be started"),
        contextlib.ExitStack() as ours,
        contextlib.ExitStack() as undo,
    ):
        _make_folder(spec.folder, undo)
        with _alone(spec.folder):
            _prepare(spec, undo)
            group = _held(spec, undo)
            who = whose.confined(spec, group)
            state = ours.enter_context(_saved_state(spec))
            child = _spawn(spec, accelerator, who, state, undo)
            whose.limited(spec, child.pid)
            process = identify(child.pid)
            if process is None:
                raise _why_it_ended(child, spec.folder)
            record = record_of(process, uuid=spec.uuid, folder=spec.folder)
            write_record(record)
            undo.callback((spec.folder / RECORD).unlink, missing_ok=True)
            forwards = _await(child, spec, state)
        undo.pop_all()
    child.returncode = 0  # disowned: it outlives this object, and `processes` reaps it
    return Started(record, forwards)


def _make_folder(folder: Path, undo: contextlib.ExitStack) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o700)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps out a second start of the same machine, whoever tries."""
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("the machine is being started already") from None
        record = read_record(folder)
        if record and alive(process_of(record)):
            raise Busy("the machine runs already")
        yield


def _prepare(spec: MachineSpec, undo: contextlib.ExitStack) -> None:
    for path in write_seed(spec):
        undo.callback(path.unlink, missing_ok=True)
    variables = spec.folder / FIRMWARE_VARIABLES
    if spec.boot.kind is BootKind.UEFI and not variables.exists():
        shutil.copyfile(uefi().variables, variables)
        undo.callback(variables.unlink, missing_ok=True)
    console_trim(spec.folder)


def _held(spec: MachineSpec, undo: contextlib.ExitStack) -> int | None:
    """The group that holds the machine to its ports; None where QEMU can only cut it off altogether."""
    held = enforcement()
    if held.holds:
        hold(spec.uuid, spec.egress_ports)
        undo.callback(let_go, group_of(spec.uuid))
        return group_of(spec.uuid)
    if spec.egress_ports != ():
        raise Refused(f"this host cannot keep a guest from its loopback and other machines: {held.reason}")
    return None


def _spawn(
    spec: MachineSpec,
    accelerator: Literal["kvm", "tcg"],
    who: Confined,
    state: int | None,
    undo: contextlib.ExitStack,
) -> subprocess.Popen[bytes]:
    """The started QEMU. Our ends of its sockets and its log are closed again when this returns."""
    with contextlib.ExitStack() as ours:
        sockets: dict[str, socket.socket] = {}
        for name in SOCKETS:
            sockets[name] = ours.enter_context(listening(spec.folder, name))
            undo.callback((spec.folder / name).unlink, missing_ok=True)
        log = ours.enter_context(open(spec.folder / LOG, "wb", opener=_private))
        descriptors = {name: server.fileno() for name, server in sockets.items()}
        inherited = [*descriptors.values(), *([state] if state is not None else [])]
        if who.user is not None:
            handed_over(spec, who.user)
        argv = machine_argv(spec, accelerator=accelerator, sockets=descriptors, cut_off=who.group is None)
        child = subprocess.Popen(
            confined(argv, who, folder=spec.folder),
            cwd=spec.folder,
            env=environment(who.told),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=inherited,
            start_new_session=True,
        )
    undo.callback(_end, child)
    return child


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_APPEND, 0o600)


@contextlib.contextmanager
def _saved_state(spec: MachineSpec) -> Iterator[int | None]:
    """The descriptor that QEMU is to go on from; None for a machine that boots."""
    if spec.memory is None or spec.memory.state is None:
        yield None
        return
    with spec.memory.state.open("rb") as file:
        yield file.fileno()


def _await(child: subprocess.Popen[bytes], spec: MachineSpec, state: int | None) -> tuple[PortForward, ...]:
    folder = spec.folder
    try:
        if state is not None and spec.memory:
            with QmpPipeline(connected(folder, MONITOR, timeout_s=READY_S), deadline_s=READY_S) as monitor:
                return load(monitor, state, whole=spec.memory.file is None, paused=spec.memory.paused)
        with Qmp(folder, timeout_s=READY_S) as qmp:
            return read_forwards(qmp)
    except Unreachable:
        raise _why_it_ended(child, folder) from None
    except TimedOut as error:
        words = tail(folder / LOG, lines=20)
        raise TimedOut("QEMU did not come up", argv=_argv(child), detail=words) from error


def _why_it_ended(child: subprocess.Popen[bytes], folder: Path) -> DriverError:
    """QEMU's own words about why it did not start."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(END_S)
    words = tail(folder / LOG, lines=20)
    error = failure(_argv(child), child.returncode or 0, words)
    if "lock" in words and "Failed to get" in words:
        return Busy("the disk is in use", argv=error.argv, exit_code=error.exit_code, stderr=words)
    return error


def _argv(child: subprocess.Popen[bytes]) -> Sequence[str]:
    """What was started, without what confines it."""
    argv = [str(part) for part in child.args] if isinstance(child.args, list) else []
    start = len(argv) - argv[::-1].index("--") if "--" in argv else 0
    return [Path(argv[start]).name, *argv[start + 1 :]]


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
