"""Puts the agent into a running guest by any other way in, and lets it start with every boot.

Example::

    with driver.guest(spec, record, forwards) as guest:
        install(guest, agent_binary(cache))
"""

import secrets
from pathlib import Path

from hosts.drivers.base import Guest
from hosts.drivers.errors import DriverError

SCRIPT = Path(__file__).parent / "install.sh"
INSTALL_S = 120.0


def install(guest: Guest, binary: Path) -> None:
    """The guest's user must be root or may use sudo without a password. Doing it again updates the agent."""
    arrived = f"/tmp/cowweb-agent-{secrets.token_hex(8)}"  # noqa: S108 - in the guest, and unguessable
    guest.put(binary, arrived, mode=0o755)
    as_root = f'if [ "$(id -u)" = 0 ]; then sh -s {arrived}; else sudo -n sh -s {arrived}; fi'
    done = guest.run(as_root, stdin=SCRIPT.read_bytes(), timeout_s=INSTALL_S)
    if done.exit_code:
        raise DriverError(
            "The agent could not be installed in the guest",
            exit_code=done.exit_code,
            stderr=done.stderr.decode(errors="replace")[-2000:],
        )
