"""QEMU's own agent in a guest that has ours too: ours holds it still while nobody has commands for ours.

Example::

    with qga_awake(folder):
        ...                     # it answers, if it is there at all
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from hosts.drivers.agent.client import AgentGuest
from hosts.drivers.errors import DriverError

WAKE_S = 1.0  # where our agent is not, nobody holds the other one


@contextlib.contextmanager
def qga_awake(folder: Path) -> Iterator[None]:
    """Lets it go on. While someone else has our agent, with a command of theirs, it is awake anyway."""
    with AgentGuest(folder) as agent:
        with contextlib.suppress(DriverError):
            agent.run("true", timeout_s=WAKE_S)
        yield
