"""A download by a slow line costs the server what is on its way, not the whole."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.site import free_port, wait_until

pytestmark = pytest.mark.slow

PARTS, PART = 640, 1 << 16
SERVER = f"""
import sys
import daphne.server
from cowweb.pacing import PacedServer

made = 0

async def application(scope, receive, send):
    global made
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
    chosen = free_port()
    with subprocess.Popen([sys.executable, "-c", SERVER, str(chosen)]) as server:
        try:
            wait_until(lambda: is_open(chosen), timeout_s=30)
            yield chosen
        finally:
            server.kill()


def is_open(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


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


def test_what_nobody_reads_is_not_made_and_whoever_reads_gets_it_all(port):
    with asked(port, "/all") as slow:
        wait_until(lambda: made(port) > 0, timeout_s=30)
        before = -1
        while (now := made(port)) != before:  # until it stands still
            before = now
            time.sleep(0.3)
        assert now < PARTS / 2
        with slow.getresponse() as response:
            body = response.read()
    assert (len(body), body[-3:], made(port)) == (PARTS * PART + 3, b"end", PARTS)


def test_whoever_leaves_in_the_middle_holds_nothing_up(port):
    with asked(port, "/all"):
        wait_until(lambda: made(port) > 0, timeout_s=30)
    assert len(answer(port, "/all")) == PARTS * PART + 3
