"""A slow line costs the server what is on its way, not the whole: of a download, and of a websocket."""

import http.client
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.own_server import served
from tests.support.site import wait_until
from tests.support.websocket import TEXT, Closed, WebSocket

pytestmark = pytest.mark.slow

PARTS, PART = 640, 1 << 16
SERVER = f"""
import asyncio
import sys
import daphne.server
from cowweb.pacing import PacedServer

made = 0

hears = asyncio.Event()

async def listens(receive, send):
    # To nothing until it is told, then to all of it; says how much that was.
    await hears.wait()
    total = 0
    while (text := (await receive())["text"]) != "end":
        total += len(text)
    await send({{"type": "websocket.send", "text": str(total)}})

async def talks(send):
    global made
    for _ in range({PARTS}):
        await send({{"type": "websocket.send", "text": "x" * {PART}}})
        made += 1
    await send({{"type": "websocket.close", "code": 1000}})

async def application(scope, receive, send):
    global made
    if scope["type"] == "websocket":
        await receive()
        await send({{"type": "websocket.accept"}})
        await (listens(receive, send) if scope["path"] == "/deaf" else talks(send))
        return
    if scope["path"] == "/hear":
        hears.set()
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    if scope["path"] == "/made":
        await send({{"type": "http.response.body", "body": str(made).encode()}})
        return
    for _ in range({PARTS}):
        await send({{"type": "http.response.body", "body": bytes({PART}), "more_body": True}})
        made += 1
    await send({{"type": "http.response.body", "body": b"end"}})

PacedServer(application, endpoints=[f"tcp:port={{sys.argv[1]}}:interface=127.0.0.1"], signal_handlers=False).run()
"""


@pytest.fixture
def port():
    with served(SERVER) as chosen:
        yield chosen


@contextmanager
def asked(port: int, path: str) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        yield connection


def answer(port: int, path: str) -> bytes:
    with asked(port, path) as connection, connection.getresponse() as response:
        return response.read()


def made(port: int) -> int:
    return int(answer(port, "/made"))


def made_until_it_stands_still(port: int) -> int:
    wait_until(lambda: made(port) > 0, timeout_s=30)
    before = -1
    while (now := made(port)) != before:
        before = now
        time.sleep(0.3)
    return now


def test_what_nobody_reads_is_not_made_and_whoever_reads_gets_it_all(port):
    with asked(port, "/all") as slow:
        assert made_until_it_stands_still(port) < PARTS / 2
        with slow.getresponse() as response:
            body = response.read()
    assert (len(body), body[-3:], made(port)) == (PARTS * PART + 3, b"end", PARTS)


def test_whoever_leaves_in_the_middle_holds_nothing_up(port):
    with asked(port, "/all"):
        wait_until(lambda: made(port) > 0, timeout_s=30)
    assert len(answer(port, "/all")) == PARTS * PART + 3


def test_a_socket_that_nobody_reads_holds_its_own_up_alone_and_gets_it_all_later(port):
    with WebSocket(port, "/slow") as slow:
        assert made_until_it_stands_still(port) < PARTS / 2
        with WebSocket(port, "/quick") as quick:
            assert heard(quick) == PARTS * PART
        assert made(port) < 2 * PARTS
        assert heard(slow) == PARTS * PART
    assert made(port) == 2 * PARTS


def heard(socket: WebSocket) -> int:
    """All that is said until the server closes, in characters."""
    total = 0
    try:
        while True:
            total += len(socket.receive())
    except Closed as closed:
        assert closed.code == 1000
        return total


def test_what_is_sent_to_a_socket_is_not_read_before_there_is_use_for_it(port):
    with WebSocket(port, "/deaf") as socket:
        socket.stream.settimeout(1)
        begun, rest = sent_until_it_stands_still(socket)
        assert begun < PARTS / 2
        answer(port, "/hear")
        socket.stream.settimeout(30)
        socket.stream.sendall(rest)
        for _ in range(PARTS - begun):
            socket.stream.sendall(framed(b"x" * PART))
        socket.send(TEXT, b"end")
        assert socket.receive() == str(PARTS * PART)


def framed(text: bytes) -> bytes:
    """As a browser sends it, with a mask of zeros."""
    return struct.pack("!BBQ4x", 0x81, 0x80 | 127, len(text)) + text


def sent_until_it_stands_still(socket: WebSocket) -> tuple[int, bytes]:
    """How many parts were begun, and what is left of the last."""
    for number in range(1, PARTS + 1):
        left = memoryview(framed(b"x" * PART))
        while left:
            try:
                left = left[socket.stream.send(left) :]
            except TimeoutError:
                return number, bytes(left)
    return PARTS, b""


def test_a_socket_that_is_left_in_the_middle_holds_nothing_up(port):
    with WebSocket(port, "/left"):
        wait_until(lambda: made(port) > 0, timeout_s=30)
    assert len(answer(port, "/all")) == PARTS * PART + 3
