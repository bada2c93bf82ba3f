"""Further hostile images: tricks with names, extensions and tables, and other formats that pose as ours."""

import struct
from collections.abc import Iterator

from tests.bases.gate.images import (
    CLUSTER,
    TARGETS,
    Change,
    at,
    both,
    changed,
    cut,
    packed,
    sound,
    sound_old,
    squeezed,
)
from tests.bases.gate.posers import posing

REFCOUNTS, BLOCK, L1, L2, DATA = (number * CLUSTER for number in range(1, 6))
USED = 1 << 63
EXTENSIONS = {"data file": 0x44415441, "LUKS": 0x0537BE77, "names": 0x6803F857, "format": 0xE2792ACA}


def further() -> Iterator[tuple[str, bytes]]:
    for name, change in [*odd_names(), *odd_extensions(), *odd_bitmaps(), *overlaps(), *entries()]:
        yield changed(name, sound(), change)
    for name, change in old_ones():
        yield changed(name, sound_old(), change)
    for name, change in [*odd_snapshots(), *wide()]:
        yield changed(name, sound(), change)
    yield from posing()
    yield from torn()


def torn() -> Iterator[tuple[str, bytes]]:
    """Compressed clusters that do not unpack; the tables are as they should be."""
    for kind in ("zlib", "zstd"):
        image = squeezed(kind)
        entry = struct.unpack_from(">Q", image, L2)[0]
        for place in (0, 1, 7):
            yield changed(f"torn {kind} at {place}", image, at((entry & (1 << 54) - 1) + place, b"\xff\xff"))


def backing(place: int, name: bytes, length: int | None = None) -> Change:
    size = len(name) if length is None else length
    return both(at(place, name), packed("backing", place), packed("backing_size", size))


def odd_names() -> Iterator[tuple[str, Change]]:
    """The name of a backing file where a careless reader would not look for it."""
    name = b"/etc/shadow"
    for place in (113, 120, 511, 1023, CLUSTER - len(name), CLUSTER - 1, CLUSTER, L1 + 64, DATA, 9 * CLUSTER):
        yield f"backing name at {place}", backing(place, name)
    yield "backing name inside the header", backing(40, b"")
    yield "backing name of no length", backing(1024, name, 0)
    yield "backing length without a place", packed("backing_size", 11)
    yield "backing name of 1023", backing(1024, b"/" * 1012 + name)
    yield "backing name of 1024", backing(1024, b"/" * 1013 + name)
    yield "backing name with NUL", backing(1024, b"/etc/shadow\0.qcow2")
    yield "backing name with newline", backing(1024, b"/etc/shadow\n")
    yield "backing name that is the image", backing(1024, b"hostile")
    for text in (
        "json:",
        'json:{"driver":"nbd","host":"127.0.0.1","port":"9"}',
        "nbd:127.0.0.1:9",
        "rbd:x/y",
    ):
        yield f"backing {text}", backing(1024, text.encode())
    for text in (
        "vvfat:/etc",
        "blkdebug::/etc/shadow",
        "tftp://127.0.0.1/x",
        "iscsi://127.0.0.1/x/1",
        "host_device:",
    ):
        yield f"backing {text}", backing(1024, text.encode())


def extended(*pairs: tuple[int, bytes], place: int = 112) -> Change:
    """These extensions, one after the other."""
    parts = [struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8) for kind, data in pairs]
    return at(place, b"".join(parts) + bytes(8))


def odd_extensions() -> Iterator[tuple[str, Change]]:
    data, names = EXTENSIONS["data file"], EXTENSIONS["names"]
    table = (names, b"\0\2external data file".ljust(48, b"\0"))
    unknown = (0x12345678, b"x" * 40)
    raw = both(packed("incompatible", 4), packed("autoclear", 2))
    for target in ("/etc/shadow", "", "nbd:127.0.0.1:9", 'json:{"driver":"file","filename":"/etc/shadow"}'):
        yield f"external raw {target!r}", both(extended((data, target.encode())), raw)
    yield "external without a name", packed("incompatible", 4)
    yield "external data said by autoclear alone", packed("autoclear", 2)
    yield "data extension behind a table of names", extended(table, (data, b"/etc/shadow"))
    yield "data extension behind one that is unknown", extended(unknown, (data, b"/etc/shadow"))
    yield "data extension twice", extended((data, b""), (data, b"/etc/shadow"))
    yield "data extension that is empty", extended((data, b""))
    yield "data extension behind 60", extended(*[unknown] * 60, (data, b"/etc/shadow"))
    yield (
        "data extension in a longer header",
        both(packed("length", 512), at(112, bytes(400)), extended((data, b"/etc/shadow"), place=512)),
    )
    last = CLUSTER - 24
    filled = (0x12345678, bytes(last - 120))
    yield (
        "data extension at the cluster's end",
        at(
            112,
            struct.pack(">II", filled[0], len(filled[1]))
            + filled[1]
            + struct.pack(">II", data, 16)
            + b"/etc/shadow".ljust(16),
        ),
    )
    yield "table of names into the next cluster", at(112, struct.pack(">II", names, CLUSTER - 64) + b"\0" * 8)
    yield "table of names over the L1", at(112, struct.pack(">II", names, 3 * CLUSTER))
    yield (
        "format extension of the wrong kind",
        both(backing(2048, b"/x"), extended((EXTENSIONS["format"], b"nbd"))),
    )
    for method, body in (
        (1, b""),
        (2, struct.pack(">QQ", DATA, 4096)),
        (2, struct.pack(">QQ", 1 << 60, 1 << 60)),
    ):
        change = both(extended((EXTENSIONS["LUKS"], body)), packed("encryption", method))
        yield f"LUKS extension of {len(body)} by method {method}", change
    yield "LUKS extension alone", extended((EXTENSIONS["LUKS"], struct.pack(">QQ", DATA, 4096)))
    yield "header length over the extensions", both(extended((data, b"/etc/shadow")), packed("length", 4104))


def odd_bitmaps() -> Iterator[tuple[str, Change]]:
    for name, count, length, offset in (
        ("none of them", 0, 64, DATA),
        ("with no list", 1, 0, DATA),
        ("in an odd place", 1, 64, DATA + 8),
        ("in the header", 1, 64, 0),
        ("too many", 0xFFFFFFFF, 64, DATA),
        ("a list of all that is", 1, (1 << 64) - 1, DATA),
        ("a list beyond the end", 1, 64, 1 << 40),
        ("a list of data", 1, 64, DATA),
    ):
        body = struct.pack(">IIQQ", count, 0, length, offset)
        yield f"bitmaps {name}", both(extended((0x23852875, body)), packed("autoclear", 1))
    body = struct.pack(">IIQQ", 1, 0, 64, 20 * CLUSTER)
    entry = struct.pack(">QIIBBHI", 1 << 50, 1 << 20, 2, 1, 16, 1, 0) + b"b"
    dirty = both(extended((0x23852875, body)), packed("autoclear", 1), at(20 * CLUSTER, entry.ljust(CLUSTER)))
    yield "bitmaps whose table is nowhere", dirty


def overlaps() -> Iterator[tuple[str, Change]]:
    """One place in the file, two meanings."""
    for name, place in (("refcount table", REFCOUNTS), ("refcount block", BLOCK), ("L2", L2), ("data", DATA)):
        yield f"overlap: L1 in the {name}", packed("l1", place)
    for name, place in (("L1", L1), ("L2", L2), ("data", DATA), ("refcount block", BLOCK)):
        yield f"overlap: refcount table in the {name}", packed("refcounts", place)
        if place != BLOCK:
            yield f"overlap: refcount block in the {name}", at(REFCOUNTS, struct.pack(">Q", place))
    for name, place in (("refcount table", REFCOUNTS), ("refcount block", BLOCK), ("L1", L1), ("data", DATA)):
        yield f"overlap: L2 in the {name}", at(L1, struct.pack(">Q", USED | place))
    for name, place in (("refcount table", REFCOUNTS), ("L1", L1), ("L2", L2)):
        yield f"overlap: data in the {name}", at(L2, struct.pack(">Q", USED | place))
    for name, place in (("refcount table", REFCOUNTS), ("L1", L1), ("L2", L2)):
        yield f"overlap: compressed data in the {name}", at(L2, struct.pack(">Q", 1 << 62 | place))
    yield "overlap: two refcount blocks are one", at(REFCOUNTS, struct.pack(">QQ", BLOCK, BLOCK))
    yield "overlap: all refcount blocks are one", at(REFCOUNTS, struct.pack(">Q", BLOCK) * 8192)


def entries() -> Iterator[tuple[str, Change]]:
    """Entries of tables that say what they cannot."""
    for bit in (1, 3, 8, 56, 57, 61):
        yield f"entry: L2 with bit {bit}", at(L2, struct.pack(">Q", USED | DATA | 1 << bit))
    yield "entry: zeroes beyond the end", at(L2, struct.pack(">Q", USED | 1 | 1 << 45))
    yield "entry: compressed at the very end", at(L2, struct.pack(">Q", 1 << 62 | 0xFF << 54 | 1 << 44))
    yield "entry: refcount block in no place", at(REFCOUNTS, struct.pack(">Q", BLOCK + 512))
    yield "entry: all of the L2 beyond", at(L2, struct.pack(">Q", USED | 1 << 40) * 64)


def old_ones() -> Iterator[tuple[str, Change]]:
    """Version 2 has its extensions where version 3 has features."""
    for target in TARGETS:
        name = target.encode()
        yield f"v2 backing {target}", backing(1024, name)
    for kind in ("data file", "LUKS"):
        yield f"v2 {kind} extension", extended((EXTENSIONS[kind], b"/etc/shadow".ljust(16)), place=72)
    yield (
        "v2 LUKS by method",
        both(
            extended((EXTENSIONS["LUKS"], struct.pack(">QQ", DATA, 4096)), place=72), packed("encryption", 2)
        ),
    )
    yield "v2 flag of an empty cluster", at(L2, struct.pack(">Q", 1))
    yield "v2 flag of a hole", at(L2 + CLUSTER - 8, struct.pack(">Q", 1))
    yield "v2 flag of a full cluster", at(L2, struct.pack(">Q", USED | DATA | 1))
    yield "v2 extension of 0x7fffffff", at(72, struct.pack(">II", 0x12345678, 0x7FFFFFFF))


def snapshot(l1: int, entries: int, *, name: bytes = b"s", ident: bytes = b"1", extra: int = 0) -> bytes:
    head = struct.pack(">QIHHIIQII", l1, entries, len(ident), len(name), 0, 0, 0, 0, extra)
    body = head + bytes(min(extra, 64)) + ident + name
    return body + bytes(-len(body) % 8)


def listed(*snapshots: bytes, count: int | None = None) -> Change:
    table = at(32 * CLUSTER, b"".join(snapshots).ljust(CLUSTER, b"\0"))
    many = len(snapshots) if count is None else count
    return both(table, packed("snapshots", many), packed("snapshots_at", 32 * CLUSTER))


def odd_snapshots() -> Iterator[tuple[str, Change]]:
    yield "snapshot whose L1 is the header", listed(snapshot(0, 1))
    yield "snapshot whose L1 is in no place", listed(snapshot(L1 + 8, 1))
    yield "snapshot whose L1 is the refcounts", listed(snapshot(REFCOUNTS, 1))
    yield "snapshot whose L1 is the data", listed(snapshot(DATA, 64))
    yield "snapshot that adds what is absurd", listed(snapshot(L1, 1, extra=1 << 31))
    yield "snapshot list that leaves the file", listed(snapshot(L1, 1, name=b"n" * 65535, ident=b"i" * 65535))
    yield "snapshot list of fewer than said", listed(snapshot(L1, 1), count=1000)
    yield "snapshot of the same L1 twice", listed(snapshot(L1, 1), snapshot(L1, 1, ident=b"2"))
    yield (
        "snapshots of 32 MiB of holes each",
        both(
            listed(*[snapshot(64 * CLUSTER, 1 << 22, ident=b"%d" % n) for n in range(40)]),
            lambda image: image.extend(bytes(33 << 20)),  # type: ignore[arg-type, return-value]
        ),
    )
    yield "snapshot list in the header", both(packed("snapshots", 1), packed("snapshots_at", 0))


def wide() -> Iterator[tuple[str, Change]]:
    """A disk so large that its L1 has many entries, all of them one table: hours for who follows each."""
    many = 1 << 16
    table = both(
        packed("size", many * 8192 * CLUSTER), packed("l1_entries", many), packed("l1", 40 * CLUSTER)
    )
    yield (
        "wide: all L1 entries are one table",
        both(table, at(40 * CLUSTER, struct.pack(">Q", USED | L2) * many)),
    )
    yield (
        "wide: all L1 entries are itself",
        both(table, at(40 * CLUSTER, struct.pack(">Q", USED | 40 * CLUSTER) * many)),
    )
    yield (
        "wide: every other entry",
        both(table, at(40 * CLUSTER, struct.pack(">QQ", USED | L2, 0) * (many // 2))),
    )
    yield "wide: an L1 that is cut off", both(table, cut(42 * CLUSTER))
