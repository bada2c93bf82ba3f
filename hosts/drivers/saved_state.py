"""Saving a machine's state, and going on from there.

Without the memory, when that stays in its shared file (`x-ignore-shared`): small and quickly loaded, for
templates. Or the whole, devices and memory, when the machine is to come back after its process is gone.
"""

import os
import time
from pathlib import Path

from hosts.drivers.errors import DriverError
from hosts.drivers.forwards import forwards_in
from hosts.drivers.qmp_pipeline import Command, QmpPipeline
from hosts.drivers.records import PortForward

POLL_S = 0.002
SAVE_S = 60.0
UNLIMITED = 1 << 40
USERNET: Command = ("human-monitor-command", {"command-line": "info usernet"})
AT_FULL_SPEED: Command = ("migrate-set-parameters", {"max-bandwidth": UNLIMITED})


def capabilities(*, whole: bool, switch: bool = False) -> Command:
    """Both sides of a state must agree on the first. `switch`: wait to be told before the last pass."""
    wanted = {"x-ignore-shared": not whole, "events": True, "pause-before-switchover": switch}
    return (
        "migrate-set-capabilities",
        {"capabilities": [{"capability": name, "state": state} for name, state in wanted.items()]},
    )


def save(monitor: QmpPipeline, state: Path, *, whole: bool = False) -> float:
    """Stops the machine and saves it to a new file, on disk when this returns; how long it took, in ms."""
    descriptor = os.open(state, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        start = time.perf_counter()
        getfd: Command = ("getfd", {"fdname": "state"})
        monitor.ask(getfd, capabilities(whole=whole), AT_FULL_SPEED, descriptor=descriptor)
        if whole:
            monitor.ask(("stop", {}))  # what is copied once need not be copied again
        monitor.ask(("migrate", {"uri": "fd:state"}))
        wait_saved(monitor)
        taken_ms = (time.perf_counter() - start) * 1000
        os.fsync(descriptor)
        return taken_ms
    except BaseException:
        state.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def wait_saved(monitor: QmpPipeline) -> None:
    while True:
        (progress,) = monitor.ask(("query-migrate", {}))
        if progress.get("status") == "completed":
            return
        if progress.get("status") in ("failed", "cancelled"):
            raise DriverError(
                f"The state could not be saved: {progress.get('error-desc', 'no reason given')}"
            )
        time.sleep(POLL_S)


def load(monitor: QmpPipeline, descriptor: int, *, whole: bool, paused: bool) -> tuple[PortForward, ...]:
    """Goes on from the state that QEMU inherited as this descriptor; returns the port forwards."""
    incoming: Command = ("migrate-incoming", {"uri": f"fd:{descriptor}"})
    *_, ports = monitor.ask(capabilities(whole=whole), incoming, USERNET)
    if paused:
        monitor.wait_for("MIGRATION", status="completed")
    else:
        monitor.wait_for("RESUME")
    return forwards_in(str(ports))
