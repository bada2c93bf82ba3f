"""Makes images: sound ones by `qemu-img` with many options, hostile ones by changing bytes of a sound one."""

import functools
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

CLUSTER = 65536
MIB = 1 << 20
Change = Callable[[bytearray], bytearray | None]


def qemu(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def created(path: Path, size: str = "4M", *options: str) -> Path:
    chosen = ("-o", ",".join(options)) if options else ()
    qemu("qemu-img", "create", "-q", "-f", "qcow2", *chosen, path, size)
    return path


def written(path: Path, *commands: str) -> Path:
    qemu("qemu-io", "-f", "qcow2", *(word for command in commands for word in ("-c", command)), path)
    return path


def encrypted(path: Path) -> Path:
    """A LUKS volume. qemu-img gives up at times when another process has the processor it measures."""
    secret = ("--object", "secret,id=s,data=x", "-o", "key-secret=s,iter-time=10")
    for _ in range(50):
        with suppress(subprocess.CalledProcessError):
            qemu("qemu-img", "create", "-q", "-f", "luks", *secret, path, "1M")
            return path
    raise AssertionError("qemu-img could not measure its key derivation, 50 times")


@functools.cache
def sound() -> bytes:
    """A version 3 image of 4 MiB with some data: header, refcounts, L1 in cluster 3, L2 in 4, data from 5."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(created(Path(folder) / "x"), "write -q -P 7 0 256k")
        return path.read_bytes()


@functools.cache
def sound_old() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return written(created(Path(folder) / "x", "4M", "compat=0.10"), "write -q 0 64k").read_bytes()


@functools.cache
def squeezed(kind: str) -> bytes:
    """Compressed: the L2 table is in cluster 4, as in the others."""
    with tempfile.TemporaryDirectory() as folder:
        plain, path = written(created(Path(folder) / "x"), "write -q -P 7 0 256k"), Path(folder) / "y"
        qemu(*("qemu-img", "convert", "-c", "-O", "qcow2", "-o", f"compression_type={kind}", plain, path))
        return path.read_bytes()


@functools.cache
def with_snapshot() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = written(created(Path(folder) / "x"), "write -q -P 7 0 256k")
        qemu("qemu-img", "snapshot", "-c", "s", path)
        return written(path, "write -q -P 8 0 64k").read_bytes()


# Where a header's fields are, and how they are packed
FIELDS = {
    "version": (4, ">I"),
    "backing": (8, ">Q"),
    "backing_size": (16, ">I"),
    "cluster_bits": (20, ">I"),
    "size": (24, ">Q"),
    "encryption": (32, ">I"),
    "l1_entries": (36, ">I"),
    "l1": (40, ">Q"),
    "refcounts": (48, ">Q"),
    "refcount_clusters": (56, ">I"),
    "snapshots": (60, ">I"),
    "snapshots_at": (64, ">Q"),
    "incompatible": (72, ">Q"),
    "autoclear": (88, ">Q"),
    "refcount_order": (96, ">I"),
    "length": (100, ">I"),
    "compression": (104, ">B"),
}
NEVER: dict[str, list[int]] = {
    "version": [0, 1, 4, 5, 0xFFFFFFFF, 0x03000000],
    "backing": [1, 104, 512, 1024, CLUSTER, 1 << 40, (1 << 64) - 1],
    "backing_size": [1, 8, 1023, 1024, 0xFFFFFFFF],
    "cluster_bits": [0, 1, 8, 22, 30, 63, 64, 255, 0xFFFFFFFF, *range(10, 16)],
    "size": [0, 1, 511, 513, (4 * MIB) + 1, (64 << 40) + 512, 1 << 62, (1 << 64) - 1, (1 << 64) - 512],
    "encryption": [1, 2, 3, 0xFFFFFFFF],
    "l1_entries": [0, 1 << 22, (1 << 22) + 1, 1 << 25, 0x7FFFFFFF, 0xFFFFFFFF],
    "l1": [0, 1, 8, 512, CLUSTER - 1, CLUSTER + 8, 1 << 30, 1 << 56, (1 << 64) - CLUSTER, (1 << 64) - 1],
    "refcounts": [0, 1, 8, 512, CLUSTER + 1, 1 << 30, 1 << 56, (1 << 64) - CLUSTER, (1 << 64) - 1],
    "refcount_clusters": [0, 17, 129, 1 << 16, 0x7FFFFFFF, 0xFFFFFFFF],
    "snapshots": [1, 2, 1024, 1025, 65536, 0x7FFFFFFF, 0xFFFFFFFF],
    "incompatible": [1 << bit for bit in range(64) if bit not in (3, 4)] + [3, 7, (1 << 64) - 1],
    "autoclear": [2, 3, 0xFF],
    "refcount_order": [0, 3, 5, 6, 7, 8, 63, 0xFFFFFFFF],
    "length": [0, 1, 72, 100, 103, 105, 111, 4097, 4104, CLUSTER, 0xFFFFFFFF],
    "compression": [1, 2, 3, 255],
}
OLD_FIELDS = list(FIELDS)[:12]
TARGETS = (
    *("/etc/shadow", "/etc/passwd", "/proc/self/environ", "/dev/zero", "../../../etc/shadow", "CANARY"),
    *('json:{"driver":"file","filename":"/etc/shadow"}', "nbd:unix:SOCKET", "nbd://127.0.0.1:9/x"),
    *("http://127.0.0.1:9/x", "ssh://root@127.0.0.1/etc/shadow", "file:/etc/shadow", "FIFO", "/", "fat:/etc"),
)


def packed(field: str, value: int) -> Change:
    place, form = FIELDS[field]

    def change(image: bytearray) -> None:
        struct.pack_into(form, image, place, value)

    return change


def at(offset: int, data: bytes) -> Change:
    def change(image: bytearray) -> None:
        image.extend(bytes(max(0, offset + len(data) - len(image))))
        image[offset : offset + len(data)] = data

    return change


def cut(length: int) -> Change:
    return lambda image: image[:length]


def extension(kind: int, data: bytes, *, claims: int | None = None) -> Change:
    length = len(data) if claims is None else claims
    return at(112, struct.pack(">II", kind, length) + data + bytes(-len(data) % 8))


def both(*changes: Change) -> Change:
    def change(image: bytearray) -> bytearray:
        for one in changes:
            made = one(image)
            image = image if made is None else made
        return image

    return change


def hostile(canaries: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Every hostile image: a name that says what is wrong with it, and its bytes."""
    for of, image, fields in (("v3", sound(), list(FIELDS)), ("v2", sound_old(), OLD_FIELDS)):
        for field in fields:
            for value in NEVER.get(field, ()):
                yield changed(f"{of} {field}={value:#x}", image, packed(field, value))
    for name, change in [*references(canaries), *extensions(), *tables(), *cuts()]:
        yield changed(name, sound(), change)
    yield from strangers()


def changed(name: str, image: bytes, change: Change) -> tuple[str, bytes]:
    altered = bytearray(image)
    made = change(altered)
    return name, bytes(altered if made is None else made)


def references(canaries: dict[str, str]) -> Iterator[tuple[str, Change]]:
    """Names of files, sockets and places elsewhere, in every slot that QEMU would follow."""
    for target in TARGETS:
        text = target
        for word, path in canaries.items():
            text = text.replace(word, path)
        name = text.encode()
        backing = both(at(1024, name), packed("backing", 1024), packed("backing_size", len(name)))
        yield f"backing {target}", backing
        yield f"backing {target} as raw", both(backing, extension(0xE2792ACA, b"raw"))
        yield f"data file {target}", both(extension(0x44415441, name), packed("incompatible", 4))
        yield f"data file {target}, not said", extension(0x44415441, name)


def extensions() -> Iterator[tuple[str, Change]]:
    yield "LUKS extension", extension(0x0537BE77, struct.pack(">QQ", CLUSTER, CLUSTER))
    yield "LUKS extension and method", both(extension(0x0537BE77, bytes(16)), packed("encryption", 2))
    for claims in (CLUSTER, 1 << 20, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFF):
        yield f"extension of {claims:#x}", extension(0x6803F857, b"x", claims=claims)
        yield f"unknown extension of {claims:#x}", extension(0x12345678, b"x", claims=claims)
    for length in (0, 8, 23, 25, 4096):
        yield f"bitmaps extension of {length}", extension(0x23852875, bytes(length))
    yield (
        "bitmaps nowhere",
        both(extension(0x23852875, struct.pack(">IIQQ", 1, 0, 64, 1 << 50)), packed("autoclear", 1)),
    )
    yield "extensions without end", at(112, struct.pack(">II", 0x12345678, 0) * 8000)


def tables() -> Iterator[tuple[str, Change]]:
    """Damage below the header: only looking through the tables finds it."""
    l1, l2, used = 3 * CLUSTER, 4 * CLUSTER, 1 << 63
    for target in (0, 1, 2, 3, 1 << 20, 1 << 35):
        yield f"L1 to cluster {target}", at(l1, struct.pack(">Q", used | (target * CLUSTER or 512)))
        yield f"L2 to cluster {target}", at(l2, struct.pack(">Q", used | (target * CLUSTER or 512)))
    for offset in (512, 1 << 55, (1 << 56) - CLUSTER, (1 << 56) - 512):
        yield f"L1 to byte {offset:#x}", at(l1, struct.pack(">Q", used | offset))
        yield f"L2 to byte {offset:#x}", at(l2, struct.pack(">Q", used | offset))
        yield f"refcount table to byte {offset:#x}", at(CLUSTER, struct.pack(">Q", offset))
    yield "refcounts all zero", at(2 * CLUSTER, bytes(64))
    yield "refcounts all high", at(2 * CLUSTER, b"\xff" * 8 + struct.pack(">H", 0) * 4)
    yield "refcount table empty", at(CLUSTER, bytes(64))
    yield "two entries, one cluster", at(l2 + 8, struct.pack(">Q", used | 5 * CLUSTER))
    yield "every entry one cluster", at(l2, struct.pack(">Q", used | 5 * CLUSTER) * 64)
    yield "L2 is the L1", at(l1, struct.pack(">Q", used | l1))
    yield "L1 is the header", packed("l1", 0)
    yield "L1 is the refcount table", packed("l1", CLUSTER)
    yield "refcounts in the L1", packed("refcounts", 3 * CLUSTER)
    yield "compressed beyond the end", at(l2, struct.pack(">Q", 1 << 62 | 0x3FFF << 48 | 1 << 40))
    yield "snapshot with a long name", snapshot_of(name=b"n" * 60000)
    yield "snapshot with an absurd L1", snapshot_of(l1=1 << 50, entries=1 << 20)
    yield "snapshot with an absurd table", snapshot_of(l1=CLUSTER, entries=0xFFFFFFFF)
    yield "1024 snapshots of nothing", both(packed("snapshots", 1024), packed("snapshots_at", 5 * CLUSTER))


def snapshot_of(*, name: bytes = b"s", l1: int = CLUSTER, entries: int = 1) -> Change:
    head = struct.pack(">QIHHIIQII", l1, entries, 1, len(name), 0, 0, 0, 0, 0)
    table = at(16 * CLUSTER, head + b"1" + name + bytes(64))
    return both(table, packed("snapshots", 1), packed("snapshots_at", 16 * CLUSTER))


def cuts() -> Iterator[tuple[str, Change]]:
    for length in (0, 1, 3, 4, 8, 32, 71, 72, 80, 103, 104, 111, 112, 511, 512, 4096, CLUSTER, 2 * CLUSTER):
        yield f"cut to {length}", cut(length)
    for length in (2 * CLUSTER + 1, 3 * CLUSTER, 3 * CLUSTER + 7, 4 * CLUSTER, 5 * CLUSTER):
        yield f"cut to {length}", cut(length)


def strangers() -> Iterator[tuple[str, bytes]]:
    """Other formats, and files that are two formats at once."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("raw", "vmdk", "vdi", "vpc", "vhdx", "qed", "qcow", "luks", "parallels"):
            path = Path(folder) / kind
            encrypted(path) if kind == "luks" else qemu("qemu-img", "create", "-q", "-f", kind, path, "1M")
            yield f"format {kind}", path.read_bytes()
    yield "vmdk naming a file", b'# Disk DescriptorFile\nversion=1\nRW 8 FLAT "/etc/shadow" 0\n' + bytes(4096)
    yield "text", b"QFI not an image" * 100
    yield "script", b"#!/bin/sh\n" * 100
    yield "zeros", bytes(CLUSTER)
    yield "magic alone", b"QFI\xfb" + bytes(508)
    yield "magic and noise", b"QFI\xfb" + bytes(range(256)) * 256
    yield "magic and ones", b"QFI\xfb" + b"\xff" * CLUSTER
    yield "gzip", b"\x1f\x8b\x08" + bytes(1024)
    yield "ELF", b"\x7fELF" + bytes(4096)


POLYGLOTS: dict[str, Change] = {
    "and an ISO": at(0x8000, b"\x01CD001\x01" + bytes(2041)),
    "and a GPT disk": both(at(446, b"\0\0\2\0\xee\xff\xff\xff\1\0\0\0\xff\xff\0\0"), at(510, b"\x55\xaa")),
}
