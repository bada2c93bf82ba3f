"""The few facts of a qcow2 header that are needed often, read without starting a program.

This is not the gate for strangers' images; it only never follows what a header refers to.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.errors import NotFound, Refused

MAGIC = b"QFI\xfb"
EXTERNAL_DATA_FILE = 1 << 2
EXTENDED_L2 = 1 << 4
HEADER = struct.Struct(">4sIQIIQI")  # magic, version, backing offset and size, cluster bits, size, encryption
FEATURES = struct.Struct(">Q")
FEATURES_AT = 72


@dataclass(frozen=True, slots=True)
class Header:
    version: int
    virtual_size: int
    incompatible: int

    @property
    def external_data(self) -> bool:
        return bool(self.incompatible & EXTERNAL_DATA_FILE)

    @property
    def extended_l2(self) -> bool:
        return bool(self.incompatible & EXTENDED_L2)


def read_header(path: Path) -> Header:
    """Raises NotFound, or Refused when the file is no regular file or no qcow2 image."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(f"{path.name} cannot be opened: {error.strerror}") from error
    try:
        start = os.pread(descriptor, FEATURES_AT + FEATURES.size, 0)
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(start) < FEATURES_AT + FEATURES.size or not start.startswith(MAGIC):
        raise Refused(f"{path.name} is not a qcow2 image")
    _, version, _, _, _, size, _ = HEADER.unpack_from(start)
    # version 2 ends before the features; what stands there is something else
    incompatible = FEATURES.unpack_from(start, FEATURES_AT)[0] if version >= 3 else 0
    return Header(version, size, incompatible)
