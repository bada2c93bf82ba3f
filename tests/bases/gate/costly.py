"""Small images that take long to follow."""

import struct
from collections.abc import Iterator

from tests.bases.gate.attacks import USED, extended, listed, snapshot
from tests.bases.gate.images import CLUSTER, at, both, changed, packed, sound


def costly() -> Iterator[tuple[str, bytes]]:
    """Small files, mostly of holes and of tables that are listed again and again, that take long to follow."""
    tables = b"".join(struct.pack(">Q", USED | (64 + number) * CLUSTER) for number in range(256))
    shared = [snapshot(40 * CLUSTER, 256, ident=b"%d" % number) for number in range(1024)]
    room = at(320 * CLUSTER, b"\0")
    disk = both(packed("size", 256 * 8192 * CLUSTER), packed("l1_entries", 256), packed("l1", 40 * CLUSTER))
    yield changed(
        "costly: 1024 snapshots of the same tables",
        sound(),
        both(at(40 * CLUSTER, tables), listed(*shared), room, disk),
    )
    entry = struct.pack(">QIIBBHI", 20 * CLUSTER, 512, 2, 1, 9, 8, 0)
    bitmaps = b"".join(entry + b"%08d" % number for number in range(2000))
    extension = extended((0x23852875, struct.pack(">IIQQ", 2000, 0, len(bitmaps), 64 * CLUSTER)))
    large = both(packed("size", 256 * 8192 * CLUSTER), packed("l1_entries", 256), packed("l1", 40 * CLUSTER))
    yield changed(
        "costly: 2000 bitmaps in one place",
        sound(),
        both(large, at(64 * CLUSTER, bitmaps), extension, packed("autoclear", 1), room),
    )
