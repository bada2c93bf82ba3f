"""A clone's identity, as one message to its agent and one answer.

Example::

    ack = identify(connection, identity, os.urandom(128), machine_id=uuid, deadline=deadline)
    print(ack.total_us, ack.steps["entropy"].us)
"""

import base64
import binascii
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from hosts.drivers.agent import wire
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.wire import Type
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import DriverError, Refused, Unreachable
from hosts.drivers.records import Identity

STEP = struct.Struct("<cII")
SKIPPED = 0xFFFFFFFF
ENTROPY_BYTES = range(64, 257)
STEP_NAMES = {
    b"E": "entropy",
    b"T": "clock",
    b"N": "hostname",
    b"I": "machine_id",
    b"S": "random_seed",
    b"M": "mac_address",
    b"A": "login_key",
    b"K": "openssh_host_key",
    b"D": "dropbear_host_key",
    b"R": "ssh_restart",
}
KEY_MAGIC = b"openssh-key-v1\0"
KEY_TYPE = b"ssh-ed25519"
PEM_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
PEM_END = "-----END OPENSSH PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class StepAck:
    us: int
    skipped: bool  # there was nothing to do: no such server, no such file


@dataclass(frozen=True, slots=True)
class IdentityAck:
    """Everything asked for was done, in the guest, in these times."""

    total_us: int
    steps: Mapping[str, StepAck]


def identify(
    connection: Connection,
    identity: Identity,
    entropy: bytes,
    *,
    machine_id: UUID,
    mac: bytes | None = None,
    deadline: Deadline,
) -> IdentityAck:
    """Raises DriverError when a step failed: the guest is then not who it should be."""
    if len(entropy) not in ENTROPY_BYTES:
        raise Refused("A clone's identity needs 64 to 256 bytes of entropy")
    host_key = identity.host_key.strip() + "\n"
    message = [
        ("E", entropy),
        ("N", identity.hostname.encode("ascii")),
        ("I", machine_id.hex.encode()),
        ("U", identity.ssh_user.encode()),
        ("A", identity.login_public.strip().encode() + b"\n"),
        ("K", host_key.encode()),
        ("P", identity.host_public.strip().encode() + b"\n"),
        ("D", dropbear_key(host_key)),
        ("T", struct.pack("<Q", time.time_ns())),
    ]
    if mac is not None:
        message.append(("M", mac))
    request = connection.new_id()
    connection.send(Type.IDENTITY, request, wire.fields(*message))
    return _read_ack(connection.answer(request, Type.IDENTIFIED, deadline).payload)


def refresh(connection: Connection, entropy: bytes, *, deadline: Deadline) -> IdentityAck:
    """Fresh randomness and the time, for a machine that stays who it is."""
    request = connection.new_id()
    message = wire.fields(("E", entropy), ("T", struct.pack("<Q", time.time_ns())))
    connection.send(Type.IDENTITY, request, message)
    return _read_ack(connection.answer(request, Type.IDENTIFIED, deadline).payload)


def _read_ack(payload: bytes) -> IdentityAck:
    if len(payload) < 4 or (len(payload) - 4) % STEP.size:
        raise Unreachable(wire.WRONG)
    steps: dict[str, StepAck] = {}
    failed: list[str] = []
    for tag, status, us in STEP.iter_unpack(payload[4:]):
        name = STEP_NAMES.get(tag)
        if name is None:
            raise Unreachable(wire.WRONG)
        steps[name] = StepAck(us, status == SKIPPED)
        if status not in {0, SKIPPED}:
            failed.append(str(wire.guest_error(status, name)))
    if failed:
        raise DriverError(f"The guest did not take its identity: {'; '.join(failed)}")
    return IdentityAck(wire.NUMBER.unpack(payload[:4])[0], steps)


def dropbear_key(openssh: str) -> bytes:
    """The same Ed25519 key in dropbear's own form. Refused for another type or an encrypted one."""
    refused = Refused("A guest's host key must be an unencrypted Ed25519 key in OpenSSH's form")
    text = "".join(openssh.strip().removeprefix(PEM_BEGIN).removesuffix(PEM_END).split())
    try:
        blob = base64.b64decode(text, validate=True)
        if not blob.startswith(KEY_MAGIC):
            raise refused
        cipher, _, _ = strings = list(_strings(blob[len(KEY_MAGIC) :], 3))
        rest = blob[len(KEY_MAGIC) + sum(4 + len(each) for each in strings) + 4 :]
        _, private = _strings(rest, 2)
        if cipher != b"none":
            raise refused
        kind, _, secret = _strings(private[8:], 3)
    except (binascii.Error, struct.error, ValueError):
        raise refused from None
    if kind != KEY_TYPE or len(secret) != 64:
        raise refused
    return b"".join(struct.pack(">I", len(each)) + each for each in (kind, secret))


def _strings(data: bytes, count: int) -> Iterator[bytes]:
    """The first `count` length-prefixed strings."""
    at = 0
    for _ in range(count):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length
