"""Standard input for a script that runs: sent by people as rows, fed to the guest by the run's worker.

A run asks for it (`interactive`). What is sent is sealed while it waits, repeated in the log unless it is to
be hidden, never audited in clear, and deleted when the run ends.

Example::

    run_send(run=run, sent=Sent("yes"), actor=actor)             # a line
    run_send(run=run, sent=Sent("", ends=True), actor=actor)     # the end of the input
"""

import time
from dataclasses import dataclass

from django.db import transaction

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError
from cowweb.live import ring
from people import rights
from provisioning.models import Run, RunInput, RunPhase
from provisioning.output import Recorder
from provisioning.sealed import HIDDEN, box

MOST_CHARACTERS = 65_536
MOST_WAITING = 1000
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Sent:
    """A line, or several; `ends`: after it the script reads the end. Not `shown`: the log hides it."""

    text: str
    shown: bool = True
    ends: bool = False


def run_send(*, run: Run, sent: Sent, actor: Actor) -> None:
    """Puts a line, with its line end, into the standard input of a run's script."""
    params = {"characters": len(sent.text), "ends": sent.ends}
    with operation(actor, "send", target=f"run:{run.pk}", params=params):
        rights.require(actor, rights.USE, run)
        accepted(run, sent)
        text = "" if sent.ends and not sent.text else f"{sent.text}\n"
        with transaction.atomic():
            RunInput.objects.create(
                run=run,
                sealed=box().encrypt(text.encode()),
                shown=sent.shown,
                ends=sent.ends,
                sent_by=actor.name,
            )
            ring(f"run.{run.pk}")


def accepted(run: Run, sent: Sent) -> None:
    """Refuses what could reach no script."""
    if not sent.text and not sent.ends:
        raise DomainError("text: write a line, or end the input", field="text")
    if len(sent.text) > MOST_CHARACTERS or "\0" in sent.text:
        raise DomainError(
            f"text: at most {MOST_CHARACTERS} characters at once, and no NUL among them", field="text"
        )
    if not run.interactive:
        raise ConflictError(f"Run {run.pk} takes no input: order it with interactive=true", field="run")
    if not takes_input(run):
        raise ConflictError(f"Run {run.pk} takes no input now: its script does not run", field="run")
    waiting = run.inputs.all()
    if waiting.filter(ends=True).exists():
        raise ConflictError(f"The input of run {run.pk} was ended already", field="run")
    if waiting.count() >= MOST_WAITING:
        raise ConflictError(f"{MOST_WAITING} lines were sent to run {run.pk} already", field="run")


def takes_input(run: Run) -> bool:
    """Whether its script runs now, and reads what is sent."""
    at_script = run.phases.filter(name=RunPhase.Name.SCRIPT, state=RunPhase.State.RUNNING)
    return run.interactive and not run.has_ended and at_script.exists()


class Typed:
    """A guest's `feed`: what was sent since it was asked last. Used by the run's own thread."""

    def __init__(self, run: Run, recorder: Recorder) -> None:
        self.run_id, self.recorder = run.pk, recorder
        self.cursor = 0
        self.next_look = 0.0
        self.ended = False

    def __call__(self) -> bytes | None:
        if self.ended:
            return b""
        now = time.monotonic()
        if now < self.next_look:
            return None
        self.next_look = now + LOOK_S
        return self.taken() or None

    def taken(self) -> bytes:
        """All that came, told to the log on its way."""
        pieces = []
        for row in RunInput.objects.filter(run_id=self.run_id, pk__gt=self.cursor).order_by("pk"):
            text = box().decrypt(bytes(row.sealed)).decode()
            self.cursor, self.ended = row.pk, row.ends
            shown = text if row.shown else f"{HIDDEN}\n"
            self.recorder.typed(shown.split("\n")[:-1] if text else ["(end of the input)"])
            pieces.append(text.encode())
        return b"".join(pieces)
