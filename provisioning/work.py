"""What the phases of one run share: its row, its header, its log, and whether it was asked to end."""

import hashlib
import time
from dataclasses import dataclass

from django.conf import settings

from clones.models import Clone
from cowweb.errors import ConflictError
from provisioning.checkpoints import Progress
from provisioning.header import Parsed
from provisioning.models import Run
from provisioning.output import Recorder
from provisioning.phases import Steps

CANCEL_LOOK_S = 0.5


class Stop:
    """Set once the run was asked to end. Being asked every 0.1 s, it also writes what waits."""

    def __init__(self, run_id: int, recorder: Recorder, progress: Progress) -> None:
        self.run_id, self.recorder, self.progress = run_id, recorder, progress
        self.next_look = 0.0
        self.seen = False

    def is_set(self) -> bool:
        self.recorder.flush_if_due()
        self.progress.write_if_due()
        now = time.monotonic()
        if not self.seen and now >= self.next_look:
            self.next_look = now + CANCEL_LOOK_S
            self.seen = Run.objects.filter(pk=self.run_id, cancel_asked_at__isnull=False).exists()
        return self.seen


@dataclass(frozen=True, slots=True)
class Work:
    """One try at a run."""

    run: Run
    parsed: Parsed
    recorder: Recorder
    progress: Progress
    stop: Stop
    steps: Steps

    def close(self) -> None:
        """Writes what the script said last."""
        self.recorder.close()
        self.progress.write()

    @property
    def clone(self) -> Clone:
        """The clone as it is now."""
        return clone_now(self.run)


def clone_now(run: Run) -> Clone:
    if run.clone_id is None:
        raise ConflictError(f"Run {run.pk} has no clone")
    return Clone.objects.select_related("revision__base", "host").get(pk=run.clone_id)


def token_of(run: Run) -> str:
    """Marks the script's processes in the guest, so that a later server can end them."""
    return hashlib.sha256(f"{settings.SECRET_KEY} run {run.pk}".encode()).hexdigest()[:32]
