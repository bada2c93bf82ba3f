"""The extensions that follow a qcow2 header: each inside the first cluster, none that refers elsewhere."""

import os
import struct
from collections.abc import Callable

EXTENSION = struct.Struct(">II")  # what, and how many bytes follow
END = 0
DATA_FILE, LUKS, BITMAPS = 0x44415441, 0x0537BE77, 0x23852875
REFUSED = {DATA_FILE: "names a file that its data is in", LUKS: "is encrypted: a base must be readable"}
MOST_EXTENSIONS = 64
BITMAPS_BYTES = 24


class UnsafeHeader(Exception):
    """Why an image's header is refused, to be said after the file's name."""


def extensions_checked(descriptor: int, at: int, end: int, *, bitmaps: Callable[[bytes], None]) -> None:
    """`at` is where the header ends, `end` where its cluster or the file does. `bitmaps` looks at theirs."""
    for _ in range(MOST_EXTENSIONS):
        if at + EXTENSION.size > end:
            return  # a cluster full of them needs no end mark
        kind, length = EXTENSION.unpack(os.pread(descriptor, EXTENSION.size, at))
        if kind == END:
            return
        if kind in REFUSED:
            raise UnsafeHeader(REFUSED[kind])
        at += EXTENSION.size + -(-length // 8) * 8
        if at > end or (kind == BITMAPS and length != BITMAPS_BYTES):
            raise UnsafeHeader("has a header extension of impossible length")
        if kind == BITMAPS:
            bitmaps(os.pread(descriptor, BITMAPS_BYTES, at - BITMAPS_BYTES))
    raise UnsafeHeader("has more header extensions than any sound image")
