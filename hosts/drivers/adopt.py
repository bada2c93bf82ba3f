"""Finding machines that run on this host, whoever started them.

Example::

    for record in running_machines(clones):      # also those whose record was lost
        print(record.uuid, record.folder)
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from hosts.drivers.machine_args import PROGRAM
from hosts.drivers.machine_record import record_of
from hosts.drivers.processes import identify
from hosts.drivers.records import MachineRecord

UUID_OPTION = "-uuid"
DELETED = " (deleted)"  # the kernel's word


def running_machines(root: Path) -> tuple[MachineRecord, ...]:
    """Every QEMU whose machine folder lies below `root`, from what the kernel knows of its process."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return tuple(record for pid in pids for record in _machine(pid, root.resolve()))


def runs_as_uuid(pid: int, uuid: str) -> bool:
    """Whether the process was started as this machine."""
    return _uuid_of(_arguments(pid)) == UUID(uuid)


def _machine(pid: int, root: Path) -> Iterator[MachineRecord]:
    arguments = _arguments(pid)
    uuid = _uuid_of(arguments)
    if uuid is None or Path(arguments[0]).name != PROGRAM:
        return
    process = identify(pid)
    folder = _folder(pid)
    if process and folder and folder.is_relative_to(root):
        yield record_of(process, uuid=uuid, folder=folder)


def _arguments(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="replace").split("\0")


def _uuid_of(arguments: list[str]) -> UUID | None:
    try:
        return UUID(arguments[arguments.index(UUID_OPTION) + 1])
    except (ValueError, IndexError):
        return None


def _folder(pid: int) -> Path | None:
    """QEMU runs in its machine's folder, also one that was deleted under it, and perhaps made again."""
    try:
        return Path(str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(DELETED))
    except OSError:
        return None
