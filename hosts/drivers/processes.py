"""Which process is meant: a pid alone may belong to a stranger by now.

A process is known by its pid, the tick at which it started and the boot of the host; all three must match
before it is called alive or is sent a signal. A zombie is gone, and is reaped when it is ours, but not before
its last thread is: until then its files are open, and its disk's lock is held.

Example::

    process = identify(pid)
    if not wait_gone(process, timeout_s=5):
        send_signal(process, signal.SIGKILL)
"""

import contextlib
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STATE, THREADS, STARTED = 0, 17, 19  # among the fields of /proc/<pid>/stat that follow the program's name


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    started_ticks: int
    boot_id: str


def boot_id() -> str:
    """The name of the host's present boot."""
    return BOOT_ID.read_text().strip()


def identify(pid: int) -> Process | None:
    """The process that has this pid now, or None."""
    fields = _stat(pid)
    return Process(pid, int(fields[STARTED]), boot_id()) if fields else None


def alive(process: Process) -> bool:
    """Whether exactly this process still runs."""
    fields = _stat(process.pid)
    if not fields or int(fields[STARTED]) != process.started_ticks or boot_id() != process.boot_id:
        return False
    if fields[STATE] in {"Z", "X"} and int(fields[THREADS]) <= 1:
        _reap(process.pid)
        return False
    return True


def send_signal(process: Process, number: signal.Signals) -> bool:
    """Signals exactly this process; False when it is gone."""
    with contextlib.ExitStack() as stack:
        descriptor = _open(process, stack)
        if descriptor is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
            return True
    return False


def wait_gone(process: Process, *, timeout_s: float) -> bool:
    """Waits until the process is gone; False when it is still there after the deadline."""
    with contextlib.ExitStack() as stack:
        descriptor = _open(process, stack)
        if descriptor is None:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, timeout_s) * 1000)
    return not alive(process)


def _open(process: Process, stack: contextlib.ExitStack) -> int | None:
    """A pidfd, checked after it was opened: from then on the pid cannot change hands."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return None
    stack.callback(os.close, descriptor)
    return descriptor if alive(process) else None


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()  # the name in brackets may hold anything


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
