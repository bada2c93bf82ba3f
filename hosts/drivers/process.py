"""Running the host's programs: a list of arguments, a deadline, and an error that keeps their words.

Nothing else under `hosts.drivers` calls `subprocess.run`. Never a shell; the child dies with its parent.

Example::

    run(["qemu-img", "info", "--output=json", str(path)], timeout_s=20).stdout
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hosts.drivers.errors import DriverError, NoSpace, NotFound, TimedOut

STDERR_SHOWN = 2000
OURS = ("COWWEB_", "DATABASE_URL", "REDIS_URL", "DJANGO_")
NO_SPACE = "No space left on device"


@dataclass(frozen=True, slots=True)
class Finished:
    stdout: bytes
    stderr: bytes


def inherited() -> dict[str, str]:
    """Our environment without our settings: passwords of database and queue are nothing for others' code."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def program(name: str) -> str:
    """The program's path, or NotFound naming what is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise NotFound(f"{name} is not installed on this host")
    return path


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    limits: Sequence[str] = (),
    most_output: int | None = None,
) -> Finished:
    """Runs to the end. Raises NotFound, TimedOut, NoSpace or DriverError (non-zero exit, signal).

    `limits` are prlimit options, such as `--as=BYTES`, for a program that reads strangers' files. One that
    prints more than `most_output` bytes is ended by the kernel; it may write no larger file either.
    """
    command = [program(argv[0]), *argv[1:]]
    if most_output is not None:
        limits = [*limits, f"--fsize={most_output}"]
    if limits:
        command = [program("prlimit"), *limits, "--", *command]
    dying = [program("setpriv"), "--pdeathsig", "KILL", "--", *command]
    with ExitStack() as files:
        ends = [_end(files, capped=most_output is not None) for _ in range(2)]
        with subprocess.Popen(
            dying,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=ends[0],
            stderr=ends[1],
            cwd=cwd,
            env={**inherited(), "LC_ALL": "C", **(env or {})},
            start_new_session=True,
        ) as process:
            try:
                piped = process.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise TimedOut(f"{argv[0]} gave no answer within {timeout_s:g} s", argv=argv) from None
        stdout, stderr = (_printed(end, data) for end, data in zip(ends, piped, strict=True))
    if process.returncode != 0:
        raise failure(argv, process.returncode, stderr.decode(errors="replace"))
    return Finished(stdout, stderr)


def _end(files: ExitStack, *, capped: bool) -> IO[bytes] | int:
    """Where a stream of the program goes: a pipe, or a nameless file, whose size the kernel limits."""
    return files.enter_context(tempfile.TemporaryFile()) if capped else subprocess.PIPE


def _printed(end: IO[bytes] | int, piped: bytes) -> bytes:
    if isinstance(end, int):
        return piped
    end.seek(0)
    return end.read()


def failure(argv: Sequence[str], exit_code: int, stderr: str) -> DriverError:
    """The error for a program that ended badly, with its last words as the sentence."""
    words = stderr.strip()[-STDERR_SHOWN:]
    last = words.splitlines()[-1] if words else "it said nothing"
    how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"failed with status {exit_code}"
    kind = NoSpace if NO_SPACE in stderr else DriverError
    return kind(f"{argv[0]} {how}: {last}", argv=argv, exit_code=exit_code, stderr=words)
