"""The verbs that are done at once: pause, resume, snapshots, commands in the guest."""

from audit.services import Actor, operation
from clones.machines import guest_of
from clones.models import Clone
from clones.services import Asked, clone_moved
from clones.specs import record_of
from cowweb.clean import plain_text
from cowweb.errors import ConflictError
from hosts.drivers.errors import Busy
from hosts.drivers.records import ExecResult
from hosts.services import local_driver
from people import rights

Status = Clone.Status


def clone_pause(*, clone: Clone, actor: Actor) -> Asked:
    """Freezes a running guest where it is."""
    with operation(actor, "pause", target=f"clone:{clone.name}"):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.RUNNING, "paused")
        local_driver().pause(record_of(clone))
        clone_moved(clone.pk, to=Status.PAUSED, since=[Status.RUNNING])
        clone.refresh_from_db()
        return Asked(clone, None)


def clone_resume(*, clone: Clone, actor: Actor) -> Asked:
    """Lets a paused guest go on."""
    with operation(actor, "resume", target=f"clone:{clone.name}"):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.PAUSED, "resumed")
        local_driver().resume(record_of(clone))
        clone_moved(clone.pk, to=Status.RUNNING, since=[Status.PAUSED])
        clone.refresh_from_db()
        return Asked(clone, None)


def require(clone: Clone, status: str, what: str) -> None:
    clone.refresh_from_db()
    if clone.status != status:
        raise ConflictError(
            f"{clone.name} is {clone.status}; only a {status} clone can be {what}", field="name"
        )


def clone_execute(*, clone: Clone, command: str, timeout_ms: int, actor: Actor) -> ExecResult:
    """One shell command in the guest."""
    with operation(actor, "execute", target=f"clone:{clone.name}", params={"command": command}):
        rights.require(actor, rights.USE, clone)
        require(clone, Status.RUNNING, "asked")
        try:
            with guest_of(clone) as guest:
                return guest.run(command, timeout_s=timeout_ms / 1000)
        except Busy:  # a run has the agent, and nothing was begun
            with guest_of(clone, channel="ssh") as guest:
                return guest.run(command, timeout_s=timeout_ms / 1000)


def clone_logs(*, clone: Clone, lines: int, actor: Actor) -> str:
    """The tail of the serial console, as text that moves nothing where it is printed."""
    with operation(actor, "logs", target=f"clone:{clone.name}", params={"lines": lines}):
        rights.require(actor, rights.SEE, clone)
        return plain_text(local_driver().console_tail(clone.folder, lines=lines))
