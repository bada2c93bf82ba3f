"""An empty qcow2 layer written directly: four small writes instead of a program that opens the backing file.

The layer is version 3 with extended L2 entries: a write copies a 4 KiB subcluster, not a whole cluster.
It appears under its name complete or not at all.

Example::

    overlay_write(Path("web.qcow2"), backing=Path("store/ab12….qcow2"), virtual_size=2 << 30)

Layout, in clusters: 0 header with the backing file's name, 1 refcount table, 2 refcount block, 3… L1 table.
"""

import errno
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.errors import DriverError, NoSpace, Refused
from hosts.drivers.qcow2 import EXTENDED_L2

MAGIC = 0x514649FB
VERSION = 3
HEADER_BYTES = 112
REFCOUNT_ORDER = 4  # 16 bits
FORMAT_EXTENSION = 0xE2792ACA
BACKING_FORMAT = b"qcow2"
NAME_BYTES = 1023
L2_ENTRY_BYTES = 16
SECTOR = 512
L1_BYTES_MOST = 32 << 20  # QEMU's own limit

# 128 KiB clusters have 4 KiB subclusters, the guest's own page and block size. Beyond 1 TiB the L1 table of
# such clusters is over 16 KiB, and larger clusters keep it (and the L2 cache it needs) small.
USUAL_BITS = 17
LARGE_BITS = 19
LARGE_FROM = 1 << 40


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of an empty layer lie."""

    virtual_size: int
    cluster_bits: int

    @property
    def cluster(self) -> int:
        return 1 << self.cluster_bits

    @property
    def l1_entries(self) -> int:
        covered = self.cluster // L2_ENTRY_BYTES * self.cluster
        return -(-self.virtual_size // covered)

    @property
    def l1_clusters(self) -> int:
        return max(1, -(-self.l1_entries * 8 // self.cluster))

    @property
    def clusters(self) -> int:
        return 3 + self.l1_clusters


def cluster_bits_for(virtual_size: int) -> int:
    return LARGE_BITS if virtual_size > LARGE_FROM else USUAL_BITS


def overlay_write(
    disk: Path, *, backing: Path, virtual_size: int, cluster_bits: int | None = None, durable: bool = True
) -> None:
    """Raises Refused when the name is taken or the backing file's name cannot be written, NoSpace when full.

    `durable`: the layer and its name survive a power cut once this returns (a cut before that may leave the
    name with nothing behind it, and whoever asked begins anew); without it only the server's own death is
    survived, which is enough for what is made anew on demand.
    """
    layout = Layout(virtual_size, cluster_bits or cluster_bits_for(virtual_size))
    head = header(layout, os.fsencode(backing.absolute()))
    arriving = disk.with_name(f".{secrets.token_hex(8)}")
    try:
        write_layer(arriving, layout, head, name=disk, durable=durable)
    except FileExistsError:
        raise Refused(f"{disk.name} exists already") from None
    except OSError as error:
        kind = NoSpace if error.errno == errno.ENOSPC else DriverError
        raise kind(f"{disk.name} could not be made: {error.strerror}") from error
    finally:
        arriving.unlink(missing_ok=True)


def header(layout: Layout, backing: bytes) -> bytes:
    """The first cluster: header, the extension that names the backing format, the backing file's name."""
    check(layout, backing)
    extension = struct.pack(">II", FORMAT_EXTENSION, len(BACKING_FORMAT)) + BACKING_FORMAT.ljust(8, b"\0")
    extension += struct.pack(">II", 0, 0)
    fields = struct.pack(
        ">IIQIIQIIQQIIQ",
        *(MAGIC, VERSION, HEADER_BYTES + len(extension), len(backing)),
        *(layout.cluster_bits, layout.virtual_size, 0),  # 0: not encrypted
        *(layout.l1_entries, 3 * layout.cluster),
        *(layout.cluster, 1),  # refcount table: where, and one cluster of it
        *(0, 0),  # no snapshots
    )
    features = struct.pack(">QQQII", EXTENDED_L2, 0, 0, REFCOUNT_ORDER, HEADER_BYTES)
    return (fields + features).ljust(HEADER_BYTES, b"\0") + extension + backing


def writable(backing: Path, virtual_size: int) -> bool:
    """Whether an overlay on this file is one that is written here; others are left to qemu-img."""
    layout = Layout(virtual_size, cluster_bits_for(virtual_size))
    return not unusual(layout, os.fsencode(backing.absolute()))


def check(layout: Layout, backing: bytes) -> None:
    reason = unusual(layout, backing)
    if reason:
        raise Refused(reason)


def unusual(layout: Layout, backing: bytes) -> str:
    """Why a layer cannot be written directly; empty when it can."""
    if not layout.virtual_size or layout.virtual_size % SECTOR:
        return f"a disk of {layout.virtual_size} bytes is no whole number of {SECTOR}-byte sectors"
    if layout.l1_entries * 8 > L1_BYTES_MOST:
        return f"a disk of {layout.virtual_size} bytes needs larger clusters"
    if not backing or len(backing) > NAME_BYTES or b"\0" in backing:
        return f"the backing file's path must have 1 to {NAME_BYTES} bytes"
    return ""


def write_layer(path: Path, layout: Layout, head: bytes, *, name: Path, durable: bool) -> None:
    """Only the first bytes of each part are written; the rest, the whole L1 table too, are holes.

    The file gets its name before it is synced: then one sync, half the time of two, writes both. The name is
    part of the same journal transaction as the file's own link count, or of an earlier one.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, head, 0)
        os.pwrite(descriptor, struct.pack(">Q", 2 * layout.cluster), layout.cluster)
        os.pwrite(descriptor, struct.pack(">H", 1) * layout.clusters, 2 * layout.cluster)
        os.ftruncate(descriptor, layout.clusters * layout.cluster)
        os.link(path, name)
        if durable:
            sync(descriptor, name)
    finally:
        os.close(descriptor)


def sync(descriptor: int, name: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError:
        name.unlink(missing_ok=True)  # ours: it was linked a moment ago
        raise
