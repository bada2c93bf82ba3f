"""Logging in to one clone: its pinned host key, its own login key, nothing else.

No agent, no key files, no known_hosts: a server with any other key, or none of the pinned type, is refused
before anything is said to it.
"""

import io
import socket
import threading

from paramiko import Ed25519Key, PKey, SSHException
from paramiko.ssh_exception import IncompatiblePeer

from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Refused, TimedOut, Unreachable
from hosts.drivers.records import Identity
from hosts.drivers.ssh_transport import PINNED_TYPE, GuestTransport

PHASE_S = 15.0  # for each of: key exchange, login
LOOK_S = 0.02


class KeyNotAccepted(Refused):
    """The guest does not (yet) let this clone's key in."""


def log_in(sock: socket.socket, identity: Identity, watch: Deadline) -> GuestTransport:
    """An authenticated connection. Raises Refused (another host key), KeyNotAccepted, Unreachable.

    The socket belongs to the connection from here on, also when this fails.
    """
    transport = GuestTransport(sock)
    try:
        _exchange_keys(transport, watch)
        _check_host_key(transport, identity)
        _authenticate(transport, identity, watch)
    except BaseException:
        transport.close()
        raise
    return transport


def _exchange_keys(transport: GuestTransport, watch: Deadline) -> None:
    done = threading.Event()
    transport.start_client(event=done)
    _wait(transport, done, watch.within(PHASE_S, "the SSH key exchange"))
    if transport.is_active():
        return
    error = transport.get_exception()
    if isinstance(error, IncompatiblePeer):
        raise Refused(f"the guest's SSH server does not offer what was agreed on: {error}")
    raise Unreachable("the guest's SSH server ended the connection", detail=str(error or ""))


def _check_host_key(transport: GuestTransport, identity: Identity) -> None:
    kind, blob = identity.host_public.split()[:2]
    offered = transport.get_remote_server_key()
    if kind != PINNED_TYPE or (offered.get_name(), offered.get_base64()) != (kind, blob):
        raise Refused(
            "the guest's SSH host key is not the one that was made for it",
            detail=f"offered: {offered.get_name()} {offered.get_base64()}",
        )


def _authenticate(transport: GuestTransport, identity: Identity, watch: Deadline) -> None:
    done = threading.Event()
    try:
        transport.auth_publickey(identity.ssh_user, login_key(identity), event=done)
        _wait(transport, done, watch.within(PHASE_S, "the SSH login"))
    except SSHException as error:
        raise Unreachable("the guest's SSH server ended the connection", detail=str(error)) from None
    if transport.is_authenticated():
        return
    reason = transport.get_exception()
    if transport.is_active() or isinstance(reason, SSHException):
        raise KeyNotAccepted(f"the guest does not let {identity.ssh_user} in with this clone's key")
    raise Unreachable("the guest's SSH server ended the connection", detail=str(reason or ""))


def login_key(identity: Identity) -> PKey:
    return Ed25519Key.from_private_key(io.StringIO(identity.login_key))


def _wait(transport: GuestTransport, done: threading.Event, watch: Deadline) -> None:
    try:
        while not done.wait(LOOK_S) and transport.is_active():
            watch.check()
    except TimedOut as error:
        # Not TimedOut: the caller's own time may not be over, and another attempt may succeed.
        raise Unreachable(f"the guest's SSH server stopped answering: {error}") from None
