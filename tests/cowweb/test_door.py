"""What is taken of a request before it is known whose it is."""

import socket
import time

import pytest

from cowweb.door import whose
from tests.support.own_server import served

pytestmark = pytest.mark.slow

MIB = 1 << 20
SERVER = """
import os
import sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cowweb.settings")
os.environ["COWWEB_BODY_MAX_BYTES"] = str(20 << 20)
import django
django.setup()
import daphne.server
import cowweb.door
from cowweb.pacing import PacedServer
cowweb.door.HEAD_S = 2.0

async def application(scope, receive, send):
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message["body"])
        if not message["more_body"]:
            break
    said = f"{size} {scope['path']} {scope['root_path']} {scope['client'][0]}".encode()
    headers = [(b"connection", b"close"), (b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})

def known(host, cookies):
    return host == "here" and cookies == "key=theirs"

PacedServer(
    application,
    endpoints=[f"tcp:port={sys.argv[1]}:interface=127.0.0.1"],
    signal_handlers=False,
    known=known,
    most_lines=40,
    proxy_forwarded_address_header="X-Forwarded-For",
).run()
"""


@pytest.fixture(scope="module")
def port():
    with served(SERVER) as chosen:
        yield chosen


def sent(port: int, *headers: str, body: bytes = b"", path: str = "/") -> tuple[str, int]:
    """The answer, and how much of the body could be sent before it came."""
    head = (
        f"POST {path} HTTP/1.1\r\n"
        + "".join(f"{each}\r\n" for each in ("Host: here", "Connection: close", *headers))
        + "\r\n"
    )
    taken = 0
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        line.sendall(head.encode())
        try:
            for at in range(0, len(body), MIB):
                line.sendall(body[at : at + MIB])
                taken += MIB
        except OSError:
            pass
        answer = b""
        try:
            while part := line.recv(65536):
                answer += part
        except ConnectionError:
            pass
    return answer.decode(errors="replace"), taken


def chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def test_who_is_not_known_sends_no_more_than_a_form(port):
    answer, _ = sent(port, f"Content-Length: {4 * MIB}", body=bytes(4 * MIB))
    assert "200 OK" in answer
    assert f"{4 * MIB} " in answer
    for cookie in ("x: y", "Cookie: key=forged"):
        _, taken = sent(port, cookie, f"Content-Length: {300 * MIB}", body=bytes(300 * MIB))
        assert taken < 20 * MIB
        _, taken = sent(port, cookie, "Transfer-Encoding: chunked", body=chunks(bytes(300 * MIB)))
        assert taken < 20 * MIB


def test_a_refusal_is_said_to_who_waits_for_it(port):
    answer, _ = sent(port, f"Content-Length: {300 * MIB}")
    assert answer.startswith("HTTP/1.1 413 Content Too Large\r\n")


@pytest.mark.parametrize("way", ["length", "chunked"])
def test_who_is_known_sends_up_to_the_limit_and_nothing_is_lost(port, way):
    for size, is_taken in ((19, True), (21, False)):
        body = bytes(size * MIB)
        said = f"Content-Length: {len(body)}" if way == "length" else "Transfer-Encoding: chunked"
        answer, _ = sent(port, "Cookie: key=theirs", said, body=body if way == "length" else chunks(body))
        assert (f"{len(body)} " in answer) == is_taken


def test_no_header_moves_the_site_to_another_path(port):
    answer, _ = sent(
        port, "Daphne-Root-Path: /elsewhere", "Content-Length: 0", path="/elsewhere/api/command/"
    )
    assert answer.endswith("0 /elsewhere/api/command/  127.0.0.1")


@pytest.mark.parametrize(
    "said",
    [
        ["X-Forwarded-For: 192.0.2.7"],
        ["X-Forwarded-For: 10.9.9.9, 192.0.2.7"],
        ["X-Forwarded-For: 10.9.9.9", "X-Forwarded-For: 8.8.8.8,192.0.2.7"],
    ],
)
def test_an_address_is_what_our_proxy_says_and_not_what_a_browser_does(port, said):
    assert sent(port, *said, "Content-Length: 0")[0].endswith(" 192.0.2.7")


def test_a_request_is_for_one_host(port):
    assert sent(port, "Host: elsewhere", "Content-Length: 0")[0].startswith("HTTP/1.1 400 ")


def test_many_refusals_leave_the_server_well(port):
    for _ in range(40):
        sent(port, f"Content-Length: {300 * MIB}", body=bytes(2 * MIB))
    began = time.monotonic()
    assert "200 OK" in sent(port, "Content-Length: 0")[0]
    assert time.monotonic() - began < 5


def drips(line: socket.socket, head: bytes, *, most_s: float) -> float:
    """Until it is hung up, or the time is over: how long that took."""
    began = time.monotonic()
    line.settimeout(0.2)
    for at in range(len(head)):
        try:
            line.sendall(head[at : at + 1])
            if line.recv(4096) == b"":
                break
        except TimeoutError:
            pass
        except OSError:
            break
        if time.monotonic() - began > most_s:
            break
    return time.monotonic() - began


def test_a_head_that_drips_is_hung_up_and_one_that_is_slow_is_not(port):
    """Each byte is in time, and the whole is not. After an answer a new head has a new time."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        assert 1.5 < drips(line, b"GET / HTTP/1.1\r\nHost: here\r\nX-A: " + b"b" * 100, most_s=8) < 5
    with socket.create_connection(("127.0.0.1", port)) as line:
        for piece in (b"POST / HTTP/1.1\r\nHost: here\r\n", b"Content-Length: 3\r\n\r\n", b"a", b"b"):
            line.sendall(piece)
            time.sleep(0.8)
        time.sleep(1)  # a body has another time
        line.sendall(b"c")
        assert line.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_one_address_has_so_many_connections_and_gets_new_ones_for_those_that_it_closes(port):
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    time.sleep(0.3)
    with socket.create_connection(("127.0.0.1", port)) as one_more:
        one_more.settimeout(5)
        with pytest.raises(ConnectionError):
            one_more.sendall(b"GET / HTTP/1.1\r\n")
            assert one_more.recv(100) == b""
            raise ConnectionResetError
    for line in lines[:5]:
        line.close()
    time.sleep(0.3)
    assert "200 OK" in sent(port, "Content-Length: 0")[0]
    for line in lines:
        line.close()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_an_address_of_version_6_is_its_network(one, other, same):
    assert (whose(one) == whose(other)) == same
