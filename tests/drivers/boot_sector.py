"""A guest of one sector: says so on the serial port, waits, then does one thing. Up in about a second."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# sti; mov dx,0x3f8; mov al,'B'; out dx,al; xor ax,ax; mov ds,ax; mov bx,[0x46c]; add bx,ticks
# again: hlt; mov ax,[0x46c]; cmp ax,bx; jb again
WAITING = "fb ba f8 03 b0 42 ee 31 c0 8e d8 8b 1e 6c 04 81 c3 {ticks} f4 a1 6c 04 39 d8 72 f8"
THEN = {
    "reset": "ba f9 0c b0 06 ee",  # the chipset's reset control
    "fault": "0f 01 1e 00 7d cc",  # no interrupt table to take a breakpoint with: a triple fault
    "power-off": "ba 04 06 b8 00 20 ef",  # ACPI's soft off
    "stay": "",
}
STOP = "f4 eb fd"
TICKS_PER_S = 18.2
GONE_S = 40


def boot_sector(path: Path, then: str, *, after_s: float = 0) -> Path:
    """A qcow2 that boots into this guest."""
    ticks = int(after_s * TICKS_PER_S).to_bytes(2, "little").hex()
    code = bytes.fromhex(f"{WAITING.format(ticks=ticks)} {THEN[then]} {STOP}")
    raw = path.with_suffix(".raw")
    raw.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes((1 << 20) - 512))
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(raw), str(path)], check=True)
    return path


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
