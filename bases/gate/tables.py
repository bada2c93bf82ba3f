"""The tables below a qcow2 header, as far as a look at them bounds what any program has to do with them.

`qemu-img check` follows every table to its end. Here each is inside the file, no table is pointed to twice by
one that lists them, and all that are to be followed, those of snapshots and bitmaps too, are counted: holes
and shared tables cost whoever makes them nothing, and whoever follows them the processor.
"""

import array
import os
import struct
import sys

from bases.gate.extensions import UnsafeHeader

# L1 offset and entries, lengths of id and name, date, nanoseconds, clock, state, length of what follows
SNAPSHOT = struct.Struct(">QIHHIIQII")
BITMAPS = struct.Struct(">IIQQ")  # how many, nothing, length and offset of their list
EVEN = bytes(range(0, 256, 2))
COMPRESSED, FLAG_SINCE = 1 << 62, 3
OFFSET = 0x00FF_FFFF_FFFF_FE00  # of an L1 entry
MOST_TABLES_BYTES = 64 << 20  # QEMU's own limit of one list of snapshots
MOST_EXTRA, MOST_BITMAPS = 1024, 65535
READ_ENTRIES = 1 << 18
MOST_STEPS = 1 << 26  # entries to follow: 4 TiB of data in clusters of 64 KiB, seconds of processor
STEPS_A_TABLE = 600  # what it costs to read one, in entries
MOST_BITMAP_BYTES = 1 << 30  # of all bitmaps in memory
BITMAP = struct.Struct(
    ">QIIBBHI"
)  # table's offset and entries, flags, kind, granularity, lengths of name and rest
MOST_GRANULARITY = 31


class Tables:
    """An open image's tables; `cluster` is the size of one, `entry` that of an L2 table's entry."""

    def __init__(self, descriptor: int, *, cluster: int, file_size: int, entry: int, version: int) -> None:
        self.descriptor, self.cluster, self.file_size, self.entry = descriptor, cluster, file_size, entry
        self.version, self.steps = version, 0

    def followed(self, tables: int, *, entries: int) -> None:
        """So many more are to be followed, each of so many entries."""
        self.steps += tables * (entries + STEPS_A_TABLE)
        if self.steps > MOST_STEPS:
            raise UnsafeHeader(
                "has more tables than can be checked in time: `qemu-img convert -O qcow2` leaves its"
                " snapshots and bitmaps behind and makes clusters of 64 KiB"
            )

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
            self.followed(len(listed), entries=self.cluster // self.entry)
        if seen and (min(seen) < self.cluster or max(seen) + self.cluster > self.file_size):
            raise UnsafeHeader(f"has an {what} that leads out of the file")
        if self.version < FLAG_SINCE:
            for table in sorted(seen):
                self.without_flag(os.pread(self.descriptor, self.cluster, table))

    def without_flag(self, table: bytes) -> None:
        """Version 2 knows no clusters that are all zero by a flag: QEMU calls one damage once it is read."""
        if table[7::8].translate(None, EVEN) and any(e & 1 and not e & COMPRESSED for e in words(table)):
            raise UnsafeHeader("is of version 2, and has entries that only version 3 knows")

    def snapshots(self, offset: int, count: int) -> None:
        """The list of snapshots, and the L1 table of each."""
        self.inside(offset, count * SNAPSHOT.size, "snapshot table")
        at = end = offset
        total = 0
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
            end = at + SNAPSHOT.size + extra + id_length + name_length
            at = -(-end // 8) * 8
        if end > self.file_size:  # the last is not filled up
            raise UnsafeHeader("has its snapshot table outside the file")

    def bitmaps(self, data: bytes, *, disk: int) -> None:
        """Their list, by the header's extension: each is of a disk of this size."""
        count, _, length, offset = BITMAPS.unpack(data)
        if not 0 < count <= MOST_BITMAPS or not 0 < length <= MOST_TABLES_BYTES:
            raise UnsafeHeader("has a list of bitmaps of absurd size")
        self.inside(offset, length, "list of bitmaps")
        listed = os.pread(self.descriptor, length, offset)
        at = total = 0
        for _ in range(count):
            if at + BITMAP.size > length:
                raise UnsafeHeader("has a list of bitmaps that ends before the last of them")
            table, entries, _, _, granularity, name_length, more = BITMAP.unpack_from(listed, at)
            self.inside(table, entries * 8, "table of a bitmap")
            self.followed(1, entries=entries)
            total += disk >> min(granularity, MOST_GRANULARITY) + 3
            if total > MOST_BITMAP_BYTES:
                raise UnsafeHeader("has bitmaps of absurd size")
            at += -(-(BITMAP.size + name_length + more) // 8) * 8


def words(data: bytes) -> "array.array[int]":
    found = array.array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "little":
        found.byteswap()
    return found
