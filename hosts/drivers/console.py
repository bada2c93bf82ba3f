"""The end of a machine's serial console. What is in it was written by the guest: hostile text."""

import os
from pathlib import Path

from hosts.drivers.machine_args import SERIAL

TAIL_BYTES = 256 * 1024
KEEP_BYTES = 16 * 1024 * 1024


def console_tail(folder: Path, *, lines: int = 50) -> str:
    """The last lines, at most 256 KiB, still with the guest's escape sequences; empty without a console."""
    return tail(folder / SERIAL, lines=lines)


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
