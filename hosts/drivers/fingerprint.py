"""When may one machine go on from another's saved state: same QEMU, same arguments, same kernel.

Anything else would load into devices that are not there, or worse, seem to work.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Literal
from uuid import UUID

from hosts.drivers.host_facts import qemu_version
from hosts.drivers.machine_args import RAM, SOCKETS, machine_argv
from hosts.drivers.records import MachineSpec

NOWHERE = Path("/")
NOBODY = UUID(int=0)


def fingerprint(spec: MachineSpec, *, accelerator: Literal["kvm", "tcg"]) -> str:
    """A digest of what both must share. Names, ports and files of one machine do not count."""
    neutral = replace(
        spec, uuid=NOBODY, name="", folder=NOWHERE, disk=NOWHERE, ports=(), egress_ports=None, memory=None
    )
    argv = machine_argv(neutral, accelerator=accelerator, sockets=dict.fromkeys(SOCKETS, 0))
    words = [qemu_version() or "", RAM, *argv]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
