"""Ways out other than TCP over IPv4: datagrams, names, IPv6. None leads to this host or to metadata."""

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from hosts.drivers.egress import Denied, enforcement, hold, let_go, seen
from hosts.drivers.egress_rules import group_of

pytestmark = pytest.mark.slow

SEND = """import socket, sys
family, address, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
one = socket.socket(family, socket.SOCK_DGRAM)
one.settimeout(2)
one.connect((address, port))
one.send(b"let me in")
one.send(b"again")"""
CONNECT = """import socket, sys
socket.socket(int(sys.argv[1]), socket.SOCK_STREAM).connect((sys.argv[2], int(sys.argv[3])))"""

ANSWER_LATE = """import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
one, _ = server.accept()
sys.stdin.readline()
one.send(b"too late")
one.close()"""
FORGOTTEN_AFTER_S = Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait")


@pytest.fixture
def held():
    if not enforcement().holds:
        pytest.skip(enforcement().reason)
    with ExitStack() as undo:

        def make(ports):
            uuid = uuid4()
            hold(uuid, ports)
            undo.callback(let_go, group_of(uuid))
            return uuid

        yield make


def tried(uuid, program, family, address, port):
    argv = ["setpriv", f"--regid={group_of(uuid)}", "--clear-groups", "--", sys.executable, "-SIc", program]
    done = subprocess.run([*argv, str(int(family)), address, str(port)], capture_output=True, text=True)
    return done.returncode == 0


def datagram_server(family, address):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 0))
    server.settimeout(0.3)
    return server


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize("listed", ["open", "its port"])
def test_no_datagram_reaches_this_host(held, family, address, listed):
    with datagram_server(family, address) as server:
        port = server.getsockname()[1]
        uuid = held(None if listed == "open" else (port,))
        tried(uuid, SEND, family, address, port)
        with pytest.raises(TimeoutError):
            server.recv(100)
        shown = f"[{address}]" if ":" in address else address
        assert f"{shown}:{port}/udp" in seen()[group_of(uuid)].tries
        subprocess.run([sys.executable, "-SIc", SEND, str(int(family)), address, str(port)], check=True)
        assert server.recv(100) == b"let me in"  # it would have arrived


def test_ipv6_loopback_is_closed(held):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        for ports in (None, (port,)):
            assert not tried(held(ports), CONNECT, socket.AF_INET6, "::1", port)
        socket.create_connection(("::1", port), 3).close()


@pytest.mark.parametrize("address", ["fd00:ec2::254", "fe80::a9fe:a9fe", "::ffff:169.254.169.254"])
def test_metadata_is_closed_over_ipv6(held, address):
    assert not tried(held(None), CONNECT, socket.AF_INET6, address, 80)


@pytest.mark.parametrize("protocol", [SEND, CONNECT])
def test_name_servers_are_not_asked_where_53_is_not_listed(held, protocol):
    """Also not one of this host: names are a way out like any other."""
    with datagram_server(socket.AF_INET, "127.0.0.1") as server:
        uuid = held((443,))
        assert not tried(uuid, protocol, socket.AF_INET, "127.0.0.53", 53)
        tried(uuid, SEND, socket.AF_INET, "203.0.113.53", 53)
        assert any(":53/" in place for place in seen()[group_of(uuid)].tries)
        with pytest.raises(TimeoutError):
            server.recv(100)


def test_a_raw_packet_needs_a_right_that_machines_do_not_have(held):
    uuid = held(None)
    raw = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"
    group = group_of(uuid)
    ids = [f"--reuid={group}", f"--regid={group}", "--clear-groups", "--bounding-set=-all"]
    argv = ["setpriv", *ids, "--no-new-privs", "--", "/usr/bin/python3", "-SIc", raw]
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("a program is needed that others may start")
    assert "PermissionError" in subprocess.run(argv, capture_output=True, text=True).stderr


@contextmanager
def forgotten_soon():
    """Connections that one end has closed are forgotten after a second, not after a minute."""
    before = FORGOTTEN_AFTER_S.read_text()
    FORGOTTEN_AFTER_S.write_text("1")
    try:
        yield
    finally:
        FORGOTTEN_AFTER_S.write_text(before)


def test_an_answer_that_comes_too_late_is_no_attempt(held):
    """A machine that boots slowly answers who has gone long ago: the kernel takes it for something new."""
    uuid = held(None)
    argv = [
        "setpriv",
        f"--regid={group_of(uuid)}",
        "--clear-groups",
        "--",
        sys.executable,
        "-SIc",
        ANSWER_LATE,
    ]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as answering:
        port = int(answering.stdout.readline())
        with forgotten_soon(), socket.create_connection(("127.0.0.1", port)) as asking:
            asking.shutdown(socket.SHUT_WR)
            time.sleep(2.5)
            answering.communicate("now\n")
    assert seen()[group_of(uuid)] == Denied(0, {})
    assert not tried(uuid, CONNECT, socket.AF_INET, "127.0.0.1", port)
    assert seen()[group_of(uuid)].attempts == 1
