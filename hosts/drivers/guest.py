"""Choosing the way into a guest: our agent where it is, SSH where it answers, QEMU's own agent otherwise.

Example::

    with open_guest(spec, started.record, started.forwards) as guest:
        guest.wait_ready(timeout_s=60)
        print(guest.channel, guest.run("hostname").stdout)
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hosts.drivers.agent import AgentGuest
from hosts.drivers.base import Channel, Guest, Shell, Size
from hosts.drivers.either_guest import EitherGuest
from hosts.drivers.errors import Refused
from hosts.drivers.qga_guest import QgaGuest
from hosts.drivers.records import MachineRecord, MachineSpec, PortForward
from hosts.drivers.ssh import SshGuest

SSH_PORT = 22
Opener = Callable[[MachineSpec, MachineRecord, Sequence[PortForward]], Guest]


def open_guest(
    spec: MachineSpec,
    record: MachineRecord,
    forwards: Sequence[PortForward],
    *,
    channel: Channel | None = None,
) -> Guest:
    """Nothing is said to the guest yet. `channel` forces one way; Refused where this machine lacks it."""
    if channel is not None:
        opener = OPENERS.get(channel)
        if opener is None:
            raise Refused(f"this host has no {channel} channel into guests")
        return opener(spec, record, forwards)
    if _ssh_port(forwards) is None or not _has_keys(spec):
        return open_agent(spec, record, forwards) if spec.agent else open_qga(spec, record, forwards)
    ssh = _ssh(spec, forwards)
    if spec.agent:  # unless someone has removed it inside
        return EitherGuest(_agent(record), ssh, record)
    return EitherGuest(ssh, _qga(record), record)


def open_terminal(
    spec: MachineSpec, record: MachineRecord, forwards: Sequence[PortForward], size: Size
) -> Shell:
    """A login shell; over SSH, as neither agent has terminals."""
    return _ssh(spec, forwards).shell(size)


def open_ssh(spec: MachineSpec, record: MachineRecord, forwards: Sequence[PortForward]) -> Guest:
    return _ssh(spec, forwards)


def open_qga(spec: MachineSpec, record: MachineRecord, forwards: Sequence[PortForward]) -> Guest:
    return QgaGuest(Path(record.folder), rests=spec.agent)


def open_agent(spec: MachineSpec, record: MachineRecord, forwards: Sequence[PortForward]) -> Guest:
    if not spec.agent:
        raise Refused("our agent is not in this machine's disk")
    return _agent(record)


# A further channel is one more line here, and its place in the order of `EitherGuest`.
OPENERS: Mapping[Channel, Opener] = {"agent": open_agent, "ssh": open_ssh, "qga": open_qga}


def _ssh(spec: MachineSpec, forwards: Sequence[PortForward]) -> SshGuest:
    port = _ssh_port(forwards)
    if port is None or not _has_keys(spec):
        raise Refused("this machine has no SSH: port 22 is not forwarded or it has no keys")
    return SshGuest(port, spec.identity)


def _agent(record: MachineRecord) -> AgentGuest:
    return AgentGuest(Path(record.folder))


def _qga(record: MachineRecord) -> QgaGuest:
    return QgaGuest(Path(record.folder))


def _ssh_port(forwards: Sequence[PortForward]) -> int | None:
    return next((each.host_port for each in forwards if each.guest_port == SSH_PORT), None)


def _has_keys(spec: MachineSpec) -> bool:
    return bool(spec.identity.login_key and spec.identity.host_public)
