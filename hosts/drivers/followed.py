"""Running a long program that tells how far it is: its percentage is passed on, and it can be cancelled.

Example::

    run_followed(["qemu-img", "convert", "-p", …], on_percent=print, cancel=flag, timeout_s=3600)
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

from hosts.drivers.base import CancelSignal, OnPercent
from hosts.drivers.deadline import Deadline
from hosts.drivers.process import failure, inherited, program

LOOK_S = 0.1
PERCENT = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")
STDERR_KEPT = 4000


def no_percent(percent: float) -> None:
    """For callers who do not follow."""


def run_followed(
    argv: Sequence[str],
    *,
    timeout_s: float,
    on_percent: OnPercent = no_percent,
    cancel: CancelSignal | None = None,
) -> None:
    """Runs to the end. Raises Cancelled, TimedOut or DriverError; the program is ended first."""
    command = [program("setpriv"), "--pdeathsig", "KILL", "--", program(argv[0]), *argv[1:]]
    watch = Deadline(timeout_s, cancel, what=f"{argv[0]} {argv[1]}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**inherited(), "LC_ALL": "C"},
            start_new_session=True,
        )
        assert process.stdout
        with process.stdout as output, _ended(process):
            _follow(output, watch, on_percent)
            process.wait()
        if process.returncode:
            raise failure(argv, process.returncode, _words(errors))


def _follow(output: IO[bytes], watch: Deadline, on_percent: OnPercent) -> None:
    """Until the program closes its output."""
    seen = b""
    while True:
        watch.check()
        if not select.select([output], [], [], LOOK_S)[0]:
            continue
        data = os.read(output.fileno(), 4096)
        if not data:
            return
        seen = (seen + data)[-64:]
        found = PERCENT.findall(seen)
        if found:
            on_percent(float(found[-1]))


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leaves no process behind, whatever happens inside."""
    try:
        yield
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _words(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read()[-STDERR_KEPT:].decode(errors="replace")
