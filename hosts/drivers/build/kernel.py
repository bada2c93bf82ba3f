"""Debian's kernel package: its image, unpacked for a quick start, and its modules in load order."""

import lzma
import re
import struct
from collections.abc import Sequence
from pathlib import Path

from hosts.drivers.errors import DriverError, Refused
from hosts.drivers.process import run

SETUP_SECTORS, PAYLOAD = 0x1F1, 0x248
DEFAULT_SETUP_SECTORS = 4
LZ4_LEGACY = b"\x02\x21\x4c\x18"
XEN_ENTRY_NOTES = tuple(struct.pack("<III", 4, size, 18) + b"Xen\0" for size in (4, 8))


def unpacked_kernel(image: bytes) -> bytes | None:
    """The ELF kernel inside a bzImage, if QEMU can enter it directly (PVH); None to use the bzImage.

    Under TCG it saves the guest about half a second of decompressing itself.
    """
    sectors = image[SETUP_SECTORS] or DEFAULT_SETUP_SECTORS
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    payload = image[(sectors + 1) * 512 + offset :][: length - 4]  # its last four bytes are its size
    try:
        kernel = _unpacked(payload)
    except (DriverError, lzma.LZMAError):
        return None
    return kernel if kernel and any(note in kernel for note in XEN_ENTRY_NOTES) else None


def _unpacked(payload: bytes) -> bytes | None:
    if payload.startswith(LZ4_LEGACY):
        return run(["lz4", "-dc"], stdin=payload, timeout_s=60).stdout
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    return None


class Modules:
    """The modules of one kernel version, from its unpacked package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {_plain(path.name): path for path in folder.rglob("*.ko*")}
        builtin = (folder / "modules.builtin").read_text(encoding="ascii")
        self.builtin = {_plain(line.rpartition("/")[2]) for line in builtin.splitlines()}

    def closure(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The modules and what they depend on, and their dependencies; without what is built in."""
        found: dict[str, tuple[str, ...]] = {}
        waiting = [name.replace("-", "_") for name in names]
        while waiting:
            name = waiting.pop()
            if name in found or name in self.builtin:
                continue
            found[name] = self.dependencies(name)
            waiting += found[name]
        return found

    def dependencies(self, name: str) -> tuple[str, ...]:
        match = re.search(rb"(?:^|\0)depends=([^\0]*)\0", self.content(name))
        names = match[1].decode().split(",") if match else []
        return tuple(each.replace("-", "_") for each in names if each)

    def content(self, name: str) -> bytes:
        """The module as the kernel wants it, uncompressed."""
        if name not in self.files:
            raise Refused(f"Debian's kernel has no module {name}")
        path = self.files[name]
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def install(self, names: Sequence[str], folder: Path) -> None:
        """Writes the modules and a `modules.dep` to `folder`, a guest's lib/modules/VERSION."""
        folder.mkdir(parents=True)
        closure = self.closure(names)
        lines = []
        for name in sorted(closure):
            (folder / f"{name}.ko").write_bytes(self.content(name))
            below = self._below(name, closure)
            lines.append(f"{name}.ko: {' '.join(f'{each}.ko' for each in below)}".rstrip())
        (folder / "modules.dep").write_text("\n".join(lines) + "\n", encoding="ascii")

    def _below(self, name: str, closure: dict[str, tuple[str, ...]]) -> list[str]:
        """All a module stands on, nearest first, as modules.dep lists it."""
        below: list[str] = []
        for each in closure[name]:
            if each in closure:
                for other in [each, *self._below(each, closure)]:
                    if other in below:
                        below.remove(other)
                    below.append(other)
        return below


def _plain(file_name: str) -> str:
    return file_name.partition(".ko")[0].replace("-", "_")
