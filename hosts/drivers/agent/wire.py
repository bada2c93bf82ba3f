"""Frames between host and guest agent; the C header `agent.h` says the same, and why.

Example::

    decoder = Decoder()
    decoder.feed(received)
    while frame := decoder.next():
        ...
"""

import errno
import os
import struct
from dataclasses import dataclass
from enum import IntEnum

from hosts.drivers.errors import DriverError, NoSpace, NotFound, Refused, Unreachable

VERSION = 1
MARK = 0xC5
TRAIL = 0x5C
HEAD = struct.Struct("<BBHI")
PAIR = struct.Struct("<II")
NUMBER = struct.Struct("<I")
HELLO_FORM = struct.Struct("<H16s")
TO_GUEST_MAX = 16 * 1024
TO_HOST_MAX = 32 * 1024 - 64
REQUEST_MAX = 160 * 1024
NONCE_BYTES = 16
FILLER = bytes(TO_GUEST_MAX + HEAD.size + 1)  # completes whatever frame the host before us left half sent
MAGIC = b"CoWWeb"
WRONG = "The guest's agent does not keep to the protocol"

REFUSALS = {"EACCES", "EPERM", "EROFS", "EISDIR", "ENOTDIR", "EINVAL", "ENAMETOOLONG", "E2BIG"}


class Type(IntEnum):
    HELLO = 0x01
    PING = 0x02
    IDENTITY = 0x03
    EXEC = 0x04
    DATA = 0x05
    CREDIT = 0x06
    KILL = 0x07
    PUT = 0x08
    GET = 0x09
    STAT = 0x0A
    MORE = 0x40
    WELCOME = 0x81
    PONG = 0x82
    IDENTIFIED = 0x83
    STARTED = 0x84
    STDOUT = 0x85
    STDERR = 0x86
    TAKEN = 0x87
    END = 0x88
    BORN = 0x89


FROM_GUEST = frozenset(kind for kind in Type if kind >= Type.WELCOME)


@dataclass(frozen=True, slots=True)
class Frame:
    type: Type
    id: int
    payload: bytes

    def number(self) -> int:
        if len(self.payload) != NUMBER.size:
            raise Unreachable(WRONG)
        return int(NUMBER.unpack(self.payload)[0])

    def pair(self) -> tuple[int, int]:
        if len(self.payload) < PAIR.size:
            raise Unreachable(WRONG)
        first, second = PAIR.unpack_from(self.payload)
        return int(first), int(second)


def encode(kind: Type, channel: int, payload: bytes = b"") -> bytes:
    """One frame, or several for a long request. Refused if the agent would not take it."""
    if len(payload) > REQUEST_MAX:
        raise Refused(f"A request to the guest's agent can have {REQUEST_MAX} bytes, not {len(payload)}")
    frames = bytearray()
    while len(payload) > TO_GUEST_MAX:
        frames += _frame(kind | Type.MORE, channel, payload[:TO_GUEST_MAX])
        payload = payload[TO_GUEST_MAX:]
    return bytes(frames + _frame(kind, channel, payload))


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return HEAD.pack(MARK, kind, len(payload), channel) + payload + bytes((TRAIL,))


def fields(*pairs: tuple[str, bytes]) -> bytes:
    """Tagged values, as requests carry them."""
    return b"".join(tag.encode("ascii") + NUMBER.pack(len(value)) + value for tag, value in pairs)


class Decoder:
    """Takes the guest's bytes apart. Holds at most one frame and what was last fed."""

    def __init__(self, begun: bytes = b"") -> None:
        self._bytes = bytearray(begun)

    def feed(self, received: bytes) -> None:
        self._bytes += received

    def next(self) -> Frame | None:
        """The next frame once it is complete. Raises Unreachable for anything that is none."""
        if len(self._bytes) < HEAD.size:
            return None
        mark, kind, length, channel = HEAD.unpack_from(self._bytes)
        if mark != MARK or kind not in FROM_GUEST or length > TO_HOST_MAX:
            raise Unreachable(WRONG)
        end = HEAD.size + length
        if len(self._bytes) <= end:
            return None
        if self._bytes[end] != TRAIL:
            raise Unreachable(WRONG)
        payload = bytes(self._bytes[HEAD.size : end])
        del self._bytes[: end + 1]
        return Frame(Type(kind), channel, payload)


def guest_error(number: int, what: str) -> DriverError:
    """The error for an errno that the guest answered with."""
    reason = os.strerror(number) if number < 4096 else "an unknown error"
    name = errno.errorcode.get(number, "")
    kind: type[DriverError] = DriverError
    if name == "ENOENT":
        kind = NotFound
    elif name in {"ENOSPC", "EDQUOT"}:
        kind = NoSpace
    elif name in REFUSALS:
        kind = Refused
    return kind(f"{what}: {reason}")
