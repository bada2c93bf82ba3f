"""A guest's agent that lies, floods, stalls or leaves: an error soon, never a wait or a heap of memory."""

import os
import resource
import struct
import time
from uuid import uuid4

import pytest

from hosts.drivers.agent import AgentGuest, wire
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.wire import Decoder, Type
from hosts.drivers.errors import DriverError, Refused, TimedOut, Unreachable
from tests.drivers.agent_host import lying_agent

pytestmark = pytest.mark.slow


def asked(heard: bytes) -> int:
    """The id of the first request in what the host sent."""
    return struct.unpack_from("<I", heard, 4)[0]


def reply(kind, payload=b""):
    return lambda client, heard: client.sendall(wire.encode(kind, asked(heard), payload))


def flood(kind, payload):
    def lies(client, heard):
        frame = wire.encode(kind, asked(heard), payload) * 64
        while True:
            client.sendall(frame)

    return lies


LIES = {
    "noise": lambda client, _: client.sendall(os.urandom(1 << 20)),
    "zeros": lambda client, _: client.sendall(bytes(1 << 20)),
    "our own frame": reply(Type.EXEC, b"x"),
    "a frame that is too long": lambda client, _: client.sendall(b"\xc5\x85\xff\xff" + bytes(70000)),
    "no trailer": lambda client, _: client.sendall(wire.encode(Type.PONG, 1, b"")[:-1] + b"\0"),
    "an exit status of its own": reply(Type.END, struct.pack("<II", 0, 70000)),
    "an end without a status": reply(Type.END, b"\0"),
    "an empty piece": reply(Type.STDERR),
    "half a number": reply(Type.TAKEN, b"\1"),
    "a new agent": reply(Type.BORN),
    "nothing more": lambda client, _: client.close(),
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES.keys())
def test_a_lie_is_unreachable(tmp_path, lies):
    with lying_agent(tmp_path, lies), AgentGuest(tmp_path) as guest:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            guest.run("x", timeout_s=20, on_output=lambda *_: None)
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("number", [1, 4095, 0xFFFFFFFF])
def test_any_errno_is_an_error(tmp_path, number):
    lies = reply(Type.END, struct.pack("<II", number, 0))
    with lying_agent(tmp_path, lies), AgentGuest(tmp_path) as guest, pytest.raises(DriverError):
        guest.run("x", timeout_s=5)


@pytest.mark.parametrize("payload", [b"", b"1", bytes(13), b"\0\0\0\0?" + bytes(8)])
def test_a_wrong_acknowledgement_is_no_identity(tmp_path, payload, identity):
    lies = reply(Type.IDENTIFIED, payload)
    with lying_agent(tmp_path, lies), AgentGuest(tmp_path) as guest, pytest.raises(Unreachable):
        guest.identify(identity, os.urandom(64), machine_id=uuid4(), timeout_s=5)


@pytest.mark.parametrize(("kind", "payload"), [(Type.TAKEN, bytes(4)), (Type.STDOUT, bytes(16000))])
def test_a_flood_ends_with_the_deadline(tmp_path, kind, payload):
    with lying_agent(tmp_path, flood(kind, payload)), AgentGuest(tmp_path) as guest:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        with pytest.raises(TimedOut):
            guest.run("x", timeout_s=1, on_output=lambda *_: None)
        assert time.monotonic() - started < 8
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_a_promise_of_endless_room_does_not_take_all_of_stdin_into_memory(tmp_path):
    def lies(client, heard):
        client.sendall(wire.encode(Type.STARTED, asked(heard), struct.pack("<II", 1, 0xFFFFFFFF)))
        time.sleep(2)

    with lying_agent(tmp_path, lies), AgentGuest(tmp_path) as guest:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises((TimedOut, Unreachable)):
            guest.run("x", stdin=bytes(60 << 20), timeout_s=1)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80_000


def test_a_guest_that_never_answers_ends_with_the_deadline(tmp_path):
    with lying_agent(tmp_path, lambda *_: time.sleep(3)), AgentGuest(tmp_path) as guest:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            guest.run("x", timeout_s=0.5)
        assert time.monotonic() - started < 6.5


def test_a_machine_without_an_agent_is_not_ready(tmp_path):
    with AgentGuest(tmp_path) as guest:
        with pytest.raises(Unreachable):
            guest.ping()
        with pytest.raises(TimedOut):
            guest.wait_ready(timeout_s=0.3)


def test_an_agent_of_another_version_is_refused(tmp_path):
    def welcome(version, nonce):
        return wire.encode(Type.WELCOME, 0, b"CoWWeb" + struct.pack("<H", version) + nonce)

    connection = Connection.__new__(Connection)
    nonce = os.urandom(16)
    heard = b"old output" + welcome(2, nonce)
    with pytest.raises(Refused, match="version 2"):
        connection._welcomed(heard, heard.index(nonce))
    heard = b"old output" + welcome(1, nonce) + b"\xc5"
    connection._welcomed(heard, heard.index(nonce))
    assert connection._decoder.next() is None


def test_any_split_of_frames_decodes_the_same():
    whole = b"".join(wire.encode(Type.STDOUT, n, os.urandom(n * 7)) for n in range(1, 60))
    decoder, frames = Decoder(), []
    for at in range(0, len(whole), 11):
        decoder.feed(whole[at : at + 11])
        while frame := decoder.next():
            frames.append(frame)
    assert [(frame.id, len(frame.payload)) for frame in frames] == [(n, n * 7) for n in range(1, 60)]
