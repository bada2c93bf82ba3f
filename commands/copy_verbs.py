"""The verbs about files on their way into a guest and out of it."""

from pathlib import Path

from bases.imports import import_target
from clones.file_models import FileCopy
from clones.files import copies_of, copy_cancel, copy_numbered, place_copied
from clones.models import Clone
from clones.named import clone_named
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import DomainError
from hosts.jobs import work_or_wait

COPY_S = 3700.0
Status = FileCopy.Status


def copy_to(command: Command, caller: Caller) -> Result:
    values = command.values
    one = clone_named(values["vm"], caller.actor)
    local = caller.parcel(values["local"], key="local")
    return copied(one, FileCopy.Way.IN, local, values["remote"], caller)


def copy_from(command: Command, caller: Caller) -> Result:
    values = command.values
    one = clone_named(values["vm"], caller.actor)
    local = (
        own_place(values["local"])
        if caller.reads_own_files
        else import_target(values["local"], field="local")
    )
    return copied(one, FileCopy.Way.OUT, local, values["remote"], caller)


def own_place(text: str) -> Path:
    """Absolute: a server that goes on with it stands elsewhere."""
    return Path.cwd() / text


def copied(one: Clone, way: FileCopy.Way, local: Path, remote: str, caller: Caller) -> Result:
    """The copy's result once it is over, for callers that wait; else that it has begun."""
    copy, job = place_copied(clone=one, way=way, local=local, remote=remote, actor=caller.actor)
    facts: Result = {"vm": one.name, "copy": copy.pk, "remote": remote}
    facts |= {} if way == FileCopy.Way.IN else {"local": str(local)}
    if not caller.waits:
        words = f"Copying {copy.name} {copy.get_way_display()} {one.name} has begun: copy {copy.pk}"
        return {**facts, "output": words}
    if caller.on_copy:
        caller.on_copy(copy)
    if not work_or_wait(job, timeout_s=COPY_S):
        raise DomainError(f"Copy {copy.pk} did not end in time", code="timeout")
    copy.refresh_from_db()
    went_well(copy)
    done = f"{remote} in {one.name}" if way == FileCopy.Way.IN else str(local)
    what = copy.name if way == FileCopy.Way.IN else f"{remote} of {one.name}"
    return {**facts, "bytes": copy.size, "output": f"{what} is {done}"}


def went_well(copy: FileCopy) -> None:
    if copy.status == Status.CANCELLED:
        raise DomainError(f"Copying {copy.name} was cancelled; nothing of it was kept", code="cancelled")
    if copy.status != Status.DONE:
        raise DomainError(copy.failure, code="host_error")


def cancel_copy(command: Command, caller: Caller) -> Result:
    copy = copy_cancel(copy=copy_numbered(int(command.values["copy"]), caller.actor), actor=caller.actor)
    over = copy.status == Status.CANCELLED
    words = f"Copy {copy.pk} was cancelled" if over else f"Copy {copy.pk} is being cancelled"
    return {"copy": copy.pk, "vm": copy.clone.name, "output": words}


def list_copies(command: Command, caller: Caller) -> Result:
    rows = [
        {
            "copy": copy.pk,
            "name": copy.name,
            "way": str(copy.way),
            "remote": copy.remote,
            "status": str(copy.status),
            "bytesDone": copy.bytes_done,
            "size": copy.size,
            "failure": copy.failure,
        }
        for copy in copies_of(clone_named(command.values["vm"], caller.actor), caller.actor)
    ]
    listed = "; ".join(f"{row['copy']}: {row['name']} {row['status']}" for row in rows)
    return {"output": listed or "Nothing was copied in the last day", "count": len(rows), "copies": rows}
