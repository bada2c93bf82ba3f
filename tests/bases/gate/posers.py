"""Other formats, and ours inside others, that pose as an image of ours."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Iterator

from tests.bases.gate.images import (
    sound,
)


def posing() -> Iterator[tuple[str, bytes]]:
    """Files that are something else, or one of ours wrapped: nothing is ever unpacked or guessed."""
    image = sound()
    for name, pack in (("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)):
        yield f"posing: {name} of an image", pack(image)
        yield f"posing: {name} of 64 MiB of nothing", pack(bytes(64 << 20))
    yield "posing: zstd", b"\x28\xb5\x2f\xfd" + bytes(4096)
    yield "posing: zip", zipped(image)
    yield "posing: tar", tarred(image)
    for name, start in (
        ("sparse vmdk naming a file", b"KDMV" + struct.pack("<I", 1)),
        ("cowd", b"COWD"),
        ("qed with a backing file", b"QED\0"),
        ("qcow 1 with a backing file", b"QFI\xfb\0\0\0\1" + struct.pack(">QI", 48, 11)),
        ("Bochs", b"Bochs Virtual HD Image"),
        ("cloop", b"#!/bin/sh\n#V2.0 Format\n"),
        ("Parallels", b"WithouFreSpacExt"),
        ("VHD", b"conectix"),
        ("VHDX", b"vhdxfile"),
        ("LUKS 2", b"LUKS\xba\xbe\0\2"),
        ("squashfs", b"hsqs"),
        ("a mark before the magic", b"\xef\xbb\xbf" + image[:4096]),
        ("a line before the magic", b"\n" + image[:4096]),
        ("a sector before the image", bytes(512) + image),
        ("the magic the other way round", image[3::-1] + image[4:]),
        ("the magic in lower case", b"qfi\xfb" + image[4:]),
        ("a URL", b"https://127.0.0.1/disk.qcow2\n"),
        ("a node", b"json:" + json.dumps({"driver": "file", "filename": "/etc/shadow"}).encode()),
        ("an MBR", bytes(510) + b"\x55\xaa"),
        ("a dmg", bytes(65024) + b"koly" + bytes(508)),
        ("a web page", b"<!doctype html><script>alert(1)</script>"),
    ):
        yield f"posing: {name}", start.ljust(8192, b"\0")


def zipped(image: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../disk.qcow2", image)
    return file.getvalue()


def tarred(image: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("/etc/cron.d/disk.qcow2")
        member.size = len(image)
        archive.addfile(member, io.BytesIO(image))
    return file.getvalue()
