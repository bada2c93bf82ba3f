"""Which ports of 127.0.0.1 lead to a machine: the kernel chose them, QEMU knows them."""

import re

from hosts.drivers.qmp import Qmp
from hosts.drivers.records import PortForward

LINE = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", re.ASCII)


def read_forwards(qmp: Qmp) -> tuple[PortForward, ...]:
    """In the order of the guest's ports."""
    return forwards_in(qmp.hmp("info usernet"))


def forwards_in(printed: str) -> tuple[PortForward, ...]:
    """What `info usernet` printed, read."""
    found = LINE.findall(printed)
    forwards = [PortForward(guest_port=int(guest), host_port=int(host)) for host, guest in found]
    return tuple(sorted(forwards, key=lambda forward: forward.guest_port))
