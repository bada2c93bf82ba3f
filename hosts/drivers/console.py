"""The end of a machine's serial console. What is in it was written by the guest: hostile text."""

import os
import re
from pathlib import Path

from hosts.drivers.machine_args import SERIAL

TAIL_BYTES = 256 * 1024
KEEP_BYTES = 16 * 1024 * 1024
RESTARTING = re.compile(r"reboot: Restarting system")  # Linux says so however quiet its console is


def console_tail(folder: Path, *, lines: int = 50) -> str:
    """The last lines, at most 256 KiB, still with the guest's escape sequences; empty without a console."""
    return tail(folder / SERIAL, lines=lines)


def restarts(folder: Path) -> int:
    """How often the guest says, in the last 256 KiB of its console, that it boots again."""
    return len(RESTARTING.findall(tail(folder / SERIAL, lines=TAIL_BYTES)))


def tail(path: Path, *, lines: int) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        file.seek(max(0, size - TAIL_BYTES))
        text = file.read(TAIL_BYTES).decode(errors="replace").replace("\r\n", "\n")
    return "\n".join(text.rstrip("\n").split("\n")[-lines:]) if lines > 0 else ""


def console_trim(folder: Path) -> None:
    """Empties a console that a guest let grow past 16 MiB. QEMU goes on writing at the new end."""
    path = folder / SERIAL
    if path.is_file() and path.stat().st_size > KEEP_BYTES:
        os.truncate(path, 0)
