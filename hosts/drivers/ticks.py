"""What this host keeps from a guest, and from a QEMU that a guest has taken over: found out, not assumed.

Example::

    for tick in ticks(whose):
        print("yes" if tick.holds else "no", tick.name, tick.reason)
"""

import os
import shutil
from pathlib import Path

from hosts.drivers import cgroups
from hosts.drivers.confine import Confined, confined, environment
from hosts.drivers.egress import enforcement
from hosts.drivers.errors import DriverError
from hosts.drivers.machine_args import PROGRAM, SANDBOX
from hosts.drivers.process import run
from hosts.drivers.records import Tick
from hosts.drivers.whose import Whose

TRY_S = 20.0
NOTHING_LEFT = {"NoNewPrivs": "1", "CapEff": "0000000000000000", "CapBnd": "0000000000000000"}


def ticks(whose: Whose) -> tuple[Tick, ...]:
    own, held, limited = whose.own_users(), enforcement(), cgroups.limits()
    return (
        Tick("A user for each machine", own.holds, own.reason),
        _without_rights(whose),
        _filtered(),
        Tick("A way out that is held", held.holds, held.reason),
        Tick("Limits of processor, memory and disk", limited.holds, limited.reason),
        _memory_kept(own.holds),
        Tick(
            "Private sockets",
            holds=True,
            reason="Monitor and agent sockets are 0600, in a folder that only root and the machine pass.",
        ),
    )


def _without_rights(whose: Whose) -> Tick:
    """Tried with a program in QEMU's place, which says what the kernel left it."""
    name = "No capabilities, no new privileges"
    try:
        room = whose.room() if whose.own_users().holds else None
        user = 0x60000000 if whose.own_users().holds else None
        argv = confined(["cat", "/proc/self/status"], Confined(user=user, room=room), folder=Path("/"))
        told = run(argv, timeout_s=TRY_S, env=environment()).stdout.decode()
    except DriverError as error:
        return Tick(name, holds=False, reason=str(error))
    found = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    wrong = [f"{key} {found.get(key)}" for key, value in NOTHING_LEFT.items() if found.get(key) != value]
    if os.geteuid():  # we have none to lose, and may not empty the set that we could never use
        wrong = [each for each in wrong if not each.startswith("CapBnd")]
    return Tick(name, not wrong, ", ".join(wrong) or "Tried on this host: the kernel leaves a machine none.")


def _filtered() -> Tick:
    """QEMU refuses the option where it was built without, or the kernel cannot."""
    name = "System calls filtered (seccomp)"
    try:
        run([PROGRAM, "-sandbox", SANDBOX, "-machine", "none", "-version"], timeout_s=TRY_S)
    except DriverError as error:
        return Tick(name, holds=False, reason=str(error))
    return Tick(name, holds=True, reason="QEMU may not start programs, gain rights or change its limits.")


def _memory_kept(own: bool) -> Tick:  # noqa: FBT001 - a fact
    name = "A template's memory is only read"
    if not own:
        return Tick(
            name, holds=False, reason="Machines run as the server does, so a file of its is open to them"
        )
    if shutil.which("gcc") is None:
        return Tick(
            name, holds=False, reason="gcc is missing, which makes QEMU open it so: no instant clones"
        )
    return Tick(name, holds=True, reason="All clones map it copy-on-write; none may open it for writing.")
