"""A strict reading of a qcow2 header: what QEMU would act on is known and in its bounds, or refused.

It reads from the descriptor, starts no program and allocates nothing by what the file says.

Example::

    with opened(path) as file:
        header = parse(file)        # UnsafeHeader says why not
"""

import functools
import os
import struct
from dataclasses import dataclass
from io import FileIO

from bases.gate.extensions import UnsafeHeader, extensions_checked
from bases.gate.tables import Tables

__all__ = ["Header", "UnsafeHeader", "parse"]

MAGIC = b"QFI\xfb"
# magic, version, backing offset and size, cluster bits, size, encryption, L1 entries, L1 offset,
# refcount table offset and clusters, snapshots, their offset
FIXED = struct.Struct(">4sIQIIQIIQQIIQ")
# incompatible, compatible, autoclear, refcount order, header length
NEWER = struct.Struct(">QQQII")
OLD_LENGTH, NEW_LENGTH, LENGTH_WITH_COMPRESSION = 72, 104, 112
COMPRESSION_TYPE, EXTENDED_L2 = 1 << 3, 1 << 4
RAW_EXTERNAL = 1 << 1
CLUSTER_BITS = range(9, 22)
EXTENDED_L2_BITS = 14
MOST_REFCOUNT_ORDER = 6
MOST_VIRTUAL = 64 << 40
MOST_L1_BYTES = 32 << 20  # QEMU's own limits
MOST_REFCOUNT_TABLE_BYTES = 8 << 20
MOST_SNAPSHOTS = 1024
SECTOR = 512
MOST_STATE = 64 << 30  # the memory that a snapshot keeps
SLACK = 64 << 20  # tables of the largest clusters
MOST_CLUSTERS = 1 << 26  # references to all of them are counted: 4 TiB in clusters of 64 KiB
DEFLATE, ZSTANDARD = 0, 1


@dataclass(frozen=True, slots=True)
class Header:
    version: int
    cluster_size: int
    virtual_size: int
    snapshots: int
    extended_l2: bool


def parse(file: FileIO) -> Header:
    """Raises UnsafeHeader, whose words follow the file's name in a sentence."""
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size
    start = os.pread(descriptor, LENGTH_WITH_COMPRESSION, 0)
    return Reading(descriptor, start, size).header()


def must(true: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not true:
        raise UnsafeHeader(otherwise)


class Reading:
    """One header being read."""

    def __init__(self, descriptor: int, start: bytes, file_size: int) -> None:
        must(len(start) >= OLD_LENGTH and start.startswith(MAGIC), "is not a qcow2 image")
        self.descriptor, self.start, self.file_size = descriptor, start, file_size
        _, self.version, self.backing, self.backing_size, self.bits, self.size, self.encryption, *rest = (
            FIXED.unpack_from(start)
        )
        self.l1_entries, self.l1, self.refcounts, self.refcount_clusters, *rest = rest
        self.snapshots, self.snapshots_at = rest
        self.incompatible = self.compatible = self.autoclear = 0
        self.refcount_order, self.length = 4, OLD_LENGTH

    def header(self) -> Header:
        self.refers_to_nothing()
        self.features_known()
        self.sizes_possible()
        self.length_possible()
        self.tables_inside()
        end = min(self.cluster, self.file_size)
        bitmaps = functools.partial(self.tables.bitmaps, disk=self.size)
        extensions_checked(self.descriptor, self.length, end, bitmaps=bitmaps)
        return Header(
            self.version, self.cluster, self.size, self.snapshots, bool(self.incompatible & EXTENDED_L2)
        )

    @functools.cached_property
    def tables(self) -> Tables:
        return Tables(
            self.descriptor,
            cluster=self.cluster,
            file_size=self.file_size,
            entry=self.l2_entry,
            version=self.version,
        )

    @property
    def l2_entry(self) -> int:
        return 16 if self.incompatible & EXTENDED_L2 else 8

    @property
    def cluster(self) -> int:
        size: int = 1 << self.bits
        return size

    def refers_to_nothing(self) -> None:
        must(self.version in (2, 3), f"is a qcow2 image of version {self.version}; 2 and 3 are known")
        must(
            self.backing == self.backing_size == 0,
            "needs a backing file: flatten it with `qemu-img convert -O qcow2` first",
        )
        must(self.encryption == 0, "is encrypted: a base must be readable")

    def features_known(self) -> None:
        if self.version == 2:
            return
        must(len(self.start) >= NEW_LENGTH, "ends within its header")
        self.incompatible, self.compatible, self.autoclear, self.refcount_order, self.length = (
            NEWER.unpack_from(self.start, OLD_LENGTH)
        )
        must(not self.incompatible & 1, "was not closed: run `qemu-img check -r leaks` on it first")
        must(not self.incompatible & 2, "is marked as damaged: `qemu-img check -r all` may repair it")
        must(not self.incompatible & 4, "keeps its data in another file: convert it to one qcow2 file first")
        unknown = self.incompatible & ~(COMPRESSION_TYPE | EXTENDED_L2)
        must(not unknown, f"needs features that are not known here (bits {unknown:#x})")
        must(not self.autoclear & RAW_EXTERNAL, "says that its data is in another file")
        must(
            self.length in range(NEW_LENGTH, 4097) and self.length % 8 == 0,
            f"has a header of {self.length} bytes",
        )
        self.compression_known()

    def compression_known(self) -> None:
        """The type stands in the header where that is long enough, and is named as needed unless usual."""
        kind = DEFLATE
        if self.length >= LENGTH_WITH_COMPRESSION:
            must(len(self.start) >= LENGTH_WITH_COMPRESSION, "ends within its header")
            kind = self.start[NEW_LENGTH]
        must(kind in (DEFLATE, ZSTANDARD), f"is compressed in a way that is not known here ({kind})")
        needed = bool(self.incompatible & COMPRESSION_TYPE)
        must(needed == (kind != DEFLATE), "contradicts itself about how it is compressed")

    def sizes_possible(self) -> None:
        must(self.bits in CLUSTER_BITS, f"has clusters of 2^{self.bits} bytes")
        if self.incompatible & EXTENDED_L2:
            must(self.bits >= EXTENDED_L2_BITS, "has clusters too small for their subclusters")
        must(self.length <= self.cluster, "has a header longer than its first cluster")
        must(self.refcount_order <= MOST_REFCOUNT_ORDER, "counts references in too many bits")
        must(self.size > 0, "shows no bytes to a guest")
        must(self.size % SECTOR == 0, f"shows {self.size} bytes, which is no whole number of sectors")
        must(self.size <= MOST_VIRTUAL, f"shows {self.size} bytes, which is more than any disk here may have")
        must(self.snapshots <= MOST_SNAPSHOTS, f"has {self.snapshots} snapshots inside")

    def tables_inside(self) -> None:
        covered = (self.cluster // self.l2_entry) << self.bits
        must(self.l1_entries * 8 <= MOST_L1_BYTES, "has an L1 table of absurd size")
        must(self.l1_entries >= -(-self.size // covered), "has an L1 table too small for its disk")
        refcount_bytes = self.refcount_clusters << self.bits
        must(0 < refcount_bytes <= MOST_REFCOUNT_TABLE_BYTES, "has a refcount table of absurd size")
        self.tables.inside(self.refcounts, refcount_bytes, "refcount table")
        self.tables.l1(self.l1, self.l1_entries)
        if self.snapshots:
            self.tables.snapshots(self.snapshots_at, self.snapshots)

    def length_possible(self) -> None:
        """A file that is mostly holes costs whoever keeps it next to nothing, and whoever reads it hours."""
        states = self.snapshots * MOST_STATE
        most = (self.snapshots + 1) * (self.size + self.size // 4 + SLACK) + states
        must(
            self.file_size <= most,
            f"is {self.file_size:,} bytes long, which its disk and snapshots cannot fill",
        )
        must(
            self.file_size >> self.bits <= MOST_CLUSTERS,
            f"is {self.file_size:,} bytes long, too many for clusters of {self.cluster:,}: write it anew with"
            " `qemu-img convert -O qcow2`",
        )
