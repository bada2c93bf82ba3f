"""The tables below a qcow2 header, as far as a look at them bounds what any program has to do with them.

`qemu-img check` follows every table to its end. Here each is inside the file, no table is pointed to twice by
one that lists them, and all together are of a size that the file can hold: no file costs more to judge than
its bytes.
"""

import array
import os
import struct
import sys

from bases.gate.extensions import UnsafeHeader

# L1 offset and entries, lengths of id and name, date, nanoseconds, clock, state, length of what follows
SNAPSHOT = struct.Struct(">QIHHIIQII")
BITMAPS = struct.Struct(">IIQQ")  # how many, nothing, length and offset of their list
OFFSET = 0x00FF_FFFF_FFFF_FE00  # of an L1 entry
MOST_TABLES_BYTES = 64 << 20  # QEMU's own limit of one list of snapshots
MOST_EXTRA, MOST_BITMAPS = 1024, 65535
READ_ENTRIES = 1 << 18


class Tables:
    """An open image's tables; `cluster` is the size of one."""

    def __init__(self, descriptor: int, *, cluster: int, file_size: int) -> None:
        self.descriptor, self.cluster, self.file_size = descriptor, cluster, file_size

    def inside(self, offset: int, length: int, what: str) -> None:
        if offset % self.cluster:
            raise UnsafeHeader(f"has its {what} at no cluster's start")
        if not (self.cluster <= offset and offset + length <= self.file_size):
            raise UnsafeHeader(f"has its {what} outside the file")

    def l1(self, offset: int, entries: int, what: str = "L1 table") -> None:
        """Each table that it lists is in the file, and listed once."""
        self.inside(offset, entries * 8, what)
        seen: set[int] = set()
        most = self.file_size // self.cluster
        for start in range(0, entries, READ_ENTRIES):
            size = min(READ_ENTRIES, entries - start) * 8
            data = os.pread(self.descriptor, size, offset + start * 8)
            if not data.strip(b"\0"):
                continue
            listed = [entry & OFFSET for entry in words(data) if entry]
            seen.update(listed)
            if len(listed) > most or len(seen) < len(listed):
                raise UnsafeHeader(f"has an {what} that lists one table twice")
        if seen and (min(seen) < self.cluster or max(seen) + self.cluster > self.file_size):
            raise UnsafeHeader(f"has an {what} that leads out of the file")

    def snapshots(self, offset: int, count: int) -> None:
        """The list of snapshots, and the L1 table of each."""
        self.inside(offset, count * SNAPSHOT.size, "snapshot table")
        at, total = offset, 0
        for _ in range(count):
            fixed = os.pread(self.descriptor, SNAPSHOT.size, at)
            if len(fixed) < SNAPSHOT.size:
                raise UnsafeHeader("has its snapshot table outside the file")
            l1, entries, id_length, name_length, *_, extra = SNAPSHOT.unpack(fixed)
            total += entries * 8
            if extra > MOST_EXTRA or max(total, at - offset) > MOST_TABLES_BYTES:
                raise UnsafeHeader("has a snapshot of absurd size")
            if entries:
                self.l1(l1, entries, "L1 table of a snapshot")
            at += -(-(SNAPSHOT.size + extra + id_length + name_length) // 8) * 8
        if at > self.file_size:
            raise UnsafeHeader("has its snapshot table outside the file")

    def bitmaps(self, data: bytes) -> None:
        """Where their list is, by the header's extension."""
        count, _, length, offset = BITMAPS.unpack(data)
        if not 0 < count <= MOST_BITMAPS or not 0 < length <= MOST_TABLES_BYTES:
            raise UnsafeHeader("has a list of bitmaps of absurd size")
        self.inside(offset, length, "list of bitmaps")


def words(data: bytes) -> "array.array[int]":
    found = array.array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "little":
        found.byteswap()
    return found
