"""What an image of ours stands on, by its header, read by us: no program opens anything for the answer.

A QEMU that a guest has taken over can write what it likes into its own disk's header, and whatever opens that
disk outside of its confinement would follow it: another machine's or site's file, a file in another format, a
data file. So an image of ours is only opened where its header is one that we write.

Example::

    stands_on(disk, (layer, base))      # Altered where the headers say anything else
"""

import os
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.errors import Altered, DriverError, NotFound, Refused
from hosts.drivers.qcow2 import MAGIC

# magic, version, backing offset and size, cluster bits, size, encryption
FIXED = struct.Struct(">4sIQIIQI")
FEATURES, LENGTH = struct.Struct(">72xQ"), struct.Struct(">100xI")
EXTENSION = struct.Struct(">II")
OLD_LENGTH, NEW_LENGTH = 72, 104
DATA_FILE, LUKS, BACKING_FORMAT = 0x44415441, 0x0537BE77, 0xE2792ACA
EXTERNAL_DATA = 1 << 2
HARMLESS = 1 | 1 << 1 | 1 << 3 | 1 << 4  # not closed, damaged, compressed otherwise, extended L2
CLUSTER_BITS = range(9, 22)
HEAD_BYTES = 1 << 16
LONGEST_NAME = 1023
DEEPEST = 300


def backing_of(path: Path) -> Path | None:
    """The file that an image of ours stands on; None where it stands alone. Altered where its header has
    anything that we do not write."""
    return Head(path.name, _start_of(path)).backing()


def below(disk: Path) -> Iterator[Path]:
    """What the disk stands on, from the top, by what the headers say."""
    for _ in range(DEEPEST):
        named = backing_of(disk)
        if named is None:
            return
        yield named
        disk = named
    raise Refused("its disk stands on more files than any machine's may")


def stands_on(disk: Path, chain: Sequence[Path]) -> None:
    """That the disk stands on exactly these files, and the last of them on nothing."""
    here = disk
    for wanted in [*(each.resolve() for each in chain), None]:
        named = backing_of(here)
        if named != wanted:
            raise Altered(f"{here.name} stands on {_called(named)}, and was made on {_called(wanted)}")
        here = named or here


def plain_below(disk: Path) -> None:
    """That nothing in the chain leads a program to what is no layer of ours by its form."""
    for _ in below(disk):
        pass


def _called(file: Path | None) -> str:
    return repr(str(file))[1:-1] if file else "nothing"


def _start_of(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"{path.name} is not there") from error
    except OSError as error:
        raise Refused(f"{path.name} cannot be opened: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{path.name} is no regular file")
        return os.pread(descriptor, HEAD_BYTES, 0)
    except OSError as error:
        raise DriverError(f"{path.name} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of an image, read as QEMU reads them."""

    name: str
    start: bytes

    def must(self, true: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
        if not true:
            raise Altered(f"{self.name} {otherwise}")

    def backing(self) -> Path | None:
        if len(self.start) < NEW_LENGTH or not self.start.startswith(MAGIC):
            raise Refused(f"{self.name} is not a qcow2 image")
        _, version, at, length, bits, _, encryption = FIXED.unpack_from(self.start)
        self.must(version in (2, 3), f"is a qcow2 image of version {version}")
        self.must(encryption == 0, "is encrypted")
        self.must(bits in CLUSTER_BITS, f"has clusters of 2^{bits} bytes")
        formats = self.formats(version, min(at or 1 << bits, len(self.start)))
        if not at or not length:
            return None
        self.must(set(formats) == {b"qcow2"}, "does not say that what it stands on is a qcow2 image")
        self.must(at + length <= min(1 << bits, HEAD_BYTES), "names what it stands on in an odd place")
        return self.named(self.start[at : at + length])

    def formats(self, version: int, end: int) -> list[bytes]:
        """What the extensions say of the file below; an extension that leads elsewhere is refused."""
        at = OLD_LENGTH
        if version == 3:
            (features,), (at,) = FEATURES.unpack_from(self.start), LENGTH.unpack_from(self.start)
            self.must(not features & EXTERNAL_DATA, "keeps its data in another file")
            self.must(not features & ~HARMLESS, f"needs features that no disk here has ({features:#x})")
            self.must(at >= NEW_LENGTH, f"has a header of {at} bytes")
        found = []
        while at + EXTENSION.size <= end:
            kind, length = EXTENSION.unpack_from(self.start, at)
            if kind == 0:
                break
            self.must(kind not in (DATA_FILE, LUKS), "names a data file or a key")
            at += EXTENSION.size
            self.must(at + length <= end, "has a header extension of impossible length")
            if kind == BACKING_FORMAT:
                found.append(self.start[at : at + length])
            at += -(-length // 8) * 8
        return found

    def named(self, name: bytes) -> Path:
        plain = name.startswith(b"/") and b"\0" not in name and len(name) <= LONGEST_NAME
        self.must(plain, "stands on something that is no path of ours")
        return Path(os.fsdecode(name))
