"""Why a machine ended, read from what QEMU wrote down as it went.

QEMU 7.2 traces a power off and a request to quit as a shutdown request with its reason, and prints a signal
that ends it in order. A reset of the guest under `-no-reboot` asks for nothing: the machine only goes from
running to shut down. A process that was killed or crashed leaves neither.

Example::

    if ending(folder) is Ending.RESET:
        ...                       # start it again: the guest wanted to boot
"""

import re
from pathlib import Path

from hosts.drivers.console import tail
from hosts.drivers.launch import LOG
from hosts.drivers.machine_args import SHUTDOWN_TRACE, STATE_TRACE
from hosts.drivers.records import Ending

LINES = 20
REQUEST = re.compile(rf"^{SHUTDOWN_TRACE} reason=(\d+)$", re.MULTILINE | re.ASCII)
GUEST_SHUTDOWN = "6"
SIGNALLED = re.compile(r": terminating on signal \d+", re.ASCII)
SHUT_DOWN = re.compile(
    rf"^{STATE_TRACE} current_run_state \d+ \(running\) new_state \d+ \(shutdown\)$", re.MULTILINE | re.ASCII
)


def ending(folder: Path) -> Ending:
    """How the machine's last process came to its end; only of use once that is gone."""
    return ending_in(tail(folder / LOG, lines=LINES))


def ending_in(log: str) -> Ending:
    request = REQUEST.search(log)
    if request:
        return Ending.POWER_OFF if request.group(1) == GUEST_SHUTDOWN else Ending.ENDED
    if SHUT_DOWN.search(log) and not SIGNALLED.search(log):
        return Ending.RESET
    return Ending.ENDED
