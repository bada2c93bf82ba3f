"""Who is let in and who is believed, and waiting for a guest that is not up."""

import contextlib
import dataclasses
import socket
import threading
import time

import pytest

from hosts.drivers.errors import Cancelled, Refused, TimedOut, Unreachable
from hosts.drivers.keys import make_identity
from hosts.drivers.ssh import SshGuest
from tests.drivers.ssh_server import other_host_key, shell_server

pytestmark = pytest.mark.slow


def test_two_identities_share_no_key():
    one, other = make_identity("a", "root"), make_identity("a", "root")
    keys = {one.login_key, one.host_key, other.login_key, other.host_key}
    assert len(keys) == 4
    assert one.login_public.startswith("ssh-ed25519 ")
    assert "BEGIN OPENSSH PRIVATE KEY" in one.host_key


def test_another_host_key_is_refused_at_once(identity):
    with shell_server(other_host_key(identity)) as server, SshGuest(server.port, identity) as guest:
        with pytest.raises(Refused, match="host key"):
            guest.wait_ready(timeout_s=20)
        with pytest.raises(Refused, match="host key"):
            guest.run("true")


def test_a_stranger_s_key_does_not_get_in(server, identity):
    stranger = dataclasses.replace(identity, login_key=make_identity("x", "root").login_key)
    with SshGuest(server.port, stranger) as guest, pytest.raises(Refused, match="does not let root in"):
        guest.run("true")


def test_a_key_that_is_put_in_place_late_is_waited_for(identity):
    with shell_server(identity, fault="no key yet") as server, SshGuest(server.port, identity) as guest:
        timer = threading.Timer(0.5, lambda: setattr(server, "fault", ""))
        timer.start()
        guest.wait_ready(timeout_s=20)
        timer.join()


@pytest.mark.parametrize("fault", ["silent", "banner only"])
def test_a_half_open_server_times_out_and_can_be_cancelled(identity, fault):
    with shell_server(identity, fault=fault) as server, SshGuest(server.port, identity) as guest:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            guest.wait_ready(timeout_s=1.0)
        assert time.monotonic() - started < 2.0
        cancel = threading.Event()
        cancel.set()
        with pytest.raises(Cancelled):
            guest.wait_ready(timeout_s=20, cancel=cancel)
        assert server.connections < 12


def test_a_server_that_comes_up_later_is_found_soon(identity):
    """Like QEMU's user network: connections are taken at once and reset until the guest listens."""
    with shell_server(identity, fault="silent") as server, SshGuest(server.port, identity) as guest:
        timer = threading.Timer(1.0, lambda: setattr(server, "fault", ""))
        timer.start()
        started = time.monotonic()
        guest.wait_ready(timeout_s=20)
        assert time.monotonic() - started < 4
        timer.join()


def test_a_stopped_machine_is_waited_for_and_not_called_gone(identity):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as stopped, contextlib.ExitStack() as full:
        for _ in range(3):
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(stopped.getsockname())
        with SshGuest(stopped.getsockname()[1], identity) as guest, pytest.raises(TimedOut):
            guest.wait_ready(timeout_s=3)


def test_a_port_without_anyone_is_a_machine_that_does_not_run(identity):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with SshGuest(port, identity) as guest, pytest.raises(Unreachable, match="not running"):
        guest.wait_ready(timeout_s=20)
