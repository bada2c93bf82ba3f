"""The `newc` archive the kernel unpacks as its first file system; everything in it is root's."""

import stat
from pathlib import Path

TRAILER = "TRAILER!!!"


def newc_archive(root: Path) -> bytes:
    """The tree below `root`, names sorted, without times: the same tree gives the same bytes."""
    entries = []
    paths = sorted(root.rglob("*"))
    for number, path in enumerate(paths, start=1):
        mode = path.lstat().st_mode
        data = _content(path, mode)
        entries.append(_entry(str(path.relative_to(root)), mode, data, number))
    entries.append(_entry(TRAILER, 0, b"", 0))
    archive = b"".join(entries)
    return archive + b"\0" * (-len(archive) % 512)


def _content(path: Path, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return str(path.readlink()).encode()
    return path.read_bytes() if stat.S_ISREG(mode) else b""


def _entry(name: str, mode: int, data: bytes, number: int) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + encoded
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)
