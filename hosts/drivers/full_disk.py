"""Whether a machine waits for room on the host's disk, read from what QEMU writes down as it goes.

A write that the host has no room for (ENOSPC, and no other error) pauses the machine; QEMU traces that as its
state `io-error`, and the state `running` once it was told to go on. The guest notices nothing but the time.

Example::

    if waits_for_room(folder):
        ...                       # make room, then `resume`
"""

import re
from pathlib import Path

from hosts.drivers.console import tail
from hosts.drivers.launch import LOG
from hosts.drivers.machine_args import STATE_TRACE

LINES = 40
STATE = re.compile(
    rf"^{STATE_TRACE} current_run_state \d+ \([\w-]+\) new_state \d+ \(([\w-]+)\)$", re.MULTILINE | re.ASCII
)
NO_ROOM = "io-error"


def waits_for_room(folder: Path) -> bool:
    """By the state that its process, which still runs, went to last."""
    states = STATE.findall(tail(folder / LOG, lines=LINES))
    return bool(states) and states[-1] == NO_ROOM
