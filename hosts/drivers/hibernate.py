"""Taking a running machine to disk, devices and memory, and ending its process.

Works for any machine, however its memory came to be. When it cannot be saved, it goes on as it was.

Example::

    saved = save_whole_and_end(record, folder / "memory.state")
    driver.start(replace(spec, memory=Memory(None, shared=False, state=folder / "memory.state")))
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hosts.drivers.errors import DriverError, Refused
from hosts.drivers.host_errors import host_errors
from hosts.drivers.host_facts import qemu_version
from hosts.drivers.lifecycle import QUIT_S, kill, monitor
from hosts.drivers.machine_args import MONITOR
from hosts.drivers.machine_record import process_of
from hosts.drivers.processes import wait_gone
from hosts.drivers.qmp_pipeline import QmpPipeline
from hosts.drivers.records import MachineRecord, SavedMemory
from hosts.drivers.saved_state import save
from hosts.drivers.unix_sockets import connected

SAVE_S = 600.0  # of large machines onto slow disks


def save_whole_and_end(record: MachineRecord, state: Path) -> SavedMemory:
    """`state` appears whole or not at all, for our eyes only. When it raises, the machine goes on."""
    monitor(record).close()  # makes sure who answers
    half = state.with_name(f"{state.name}.part")
    half.unlink(missing_ok=True)
    with (
        host_errors("the machine's memory could not be saved"),
        QmpPipeline(connected(Path(record.folder), MONITOR, timeout_s=QUIT_S), deadline_s=SAVE_S) as pipeline,
    ):
        same_qemu(pipeline)
        with _going_on_otherwise(pipeline):
            took_ms = save(pipeline, half, whole=True)
            half.rename(state)
            _folder_on_disk(state.parent)
        pipeline.ask(("quit", {}))
    if not wait_gone(process_of(record), timeout_s=QUIT_S):
        kill(record)
    return SavedMemory(took_ms, state.stat().st_size)


@contextlib.contextmanager
def _going_on_otherwise(pipeline: QmpPipeline) -> Iterator[None]:
    (before,) = pipeline.ask(("query-status", {}))
    try:
        yield
    except BaseException:
        if before["running"]:
            with contextlib.suppress(DriverError):
                pipeline.ask(("cont", {}))
        raise


def same_qemu(pipeline: QmpPipeline) -> None:
    """A state is gone on from by the QEMU that is installed, so that must be the one that saves it."""
    (answer,) = pipeline.ask(("query-version", {}))
    runs = "{major}.{minor}.{micro}".format(**answer["qemu"])
    installed = qemu_version()
    if runs != installed:
        raise Refused(
            f"it runs under QEMU {runs} and this host now has {installed}, which could not go on from it"
        )


def _folder_on_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
