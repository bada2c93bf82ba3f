"""The record of a running machine, kept in its own folder so that any process can adopt the machine.

Example::

    record = read_record(folder)
    if record and alive(process_of(record)):
        ...
"""

import json
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from hosts.drivers.private_file import write_private
from hosts.drivers.processes import Process
from hosts.drivers.records import MachineRecord

RECORD = "machine.json"


def process_of(record: MachineRecord) -> Process:
    return Process(record.pid, record.started_ticks, record.boot_id)


def record_of(process: Process, *, uuid: UUID, folder: Path) -> MachineRecord:
    return MachineRecord(
        pid=process.pid,
        started_ticks=process.started_ticks,
        boot_id=process.boot_id,
        uuid=str(uuid),
        folder=str(folder),
    )


def write_record(record: MachineRecord) -> Path:
    """Replaces the record as a whole: a reader sees the old one or the new one."""
    path = Path(record.folder) / RECORD
    return write_private(path.with_suffix(".new"), json.dumps(asdict(record))).rename(path)


def read_record(folder: Path) -> MachineRecord | None:
    """The record of the machine that was last started here; None when there is none that can be read."""
    try:
        return MachineRecord(**json.loads((folder / RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None
