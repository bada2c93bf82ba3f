"""A running clone's memory to disk, its process ended; and later back, to go on exactly there.

Both survive a restart of the server and of the host: the memory is a private file beside the clone's disk.
It is used once: after it was restored, or when the clone was started without it, it is gone.

Example::

    state_save(clone=clone, actor=actor)       # stopping, then stopped with saved memory
    state_restore(clone=clone, actor=actor)    # starting, then running where it was
"""

from audit.services import Actor, operation
from clones.models import Clone
from clones.services import Asked, asked
from clones.specs import spec_of
from cowweb.errors import ConflictError
from hosts.services import local_driver
from people import rights

Status = Clone.Status
SAVE = "clones.tasks.state_save_task"
RESTORE = "clones.tasks.state_restore_task"
SAVING = "Its memory is being saved to disk; then its process ends."


def state_save(*, clone: Clone, actor: Actor) -> Asked:
    """Takes a running or paused clone's memory to disk and ends its process."""
    with operation(actor, "save_state", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.USE, clone)
        since = [Status.RUNNING, Status.PAUSED]
        done = asked(clone, to=Status.STOPPING, task=SAVE, entry=op.entry, since=since, note=SAVING)
        op.goes_on()
        return done


def state_restore(*, clone: Clone, actor: Actor) -> Asked:
    """Lets a clone go on from its saved memory, where this host's QEMU is still the one that saved it."""
    with operation(actor, "restore_state", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.USE, clone)
        clone.refresh_from_db()
        if clone.saved_at is None:
            raise ConflictError(f"{clone.name} has no saved memory", field="name")
        reason = why_not_restorable(clone)
        if reason:
            raise ConflictError(f"{clone.name} cannot go on from its saved memory: {reason}", field="name")
        since = [Status.STOPPED, Status.FAILED]
        done = asked(clone, to=Status.STARTING, task=RESTORE, entry=op.entry, since=since, start_asked=True)
        op.goes_on()
        return done


def why_not_restorable(clone: Clone) -> str:
    """Empty when it can be restored."""
    if not clone.saved_memory.is_file():
        return "the file is gone. Start it instead"
    if local_driver().fingerprint(spec_of(clone)) != clone.saved_fingerprint:
        return "QEMU or the machine's arguments changed since. Start it instead; that drops the saved memory"
    return ""
