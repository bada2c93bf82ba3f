"""What the phases of one run share: its row, its header, its log, and whether it was asked to end."""

import hashlib
from dataclasses import dataclass

from django.conf import settings

from clones.models import Clone
from cowweb.errors import ConflictError
from cowweb.flags import Flag
from provisioning.checkpoints import Progress
from provisioning.header import Parsed
from provisioning.models import Run
from provisioning.output import Recorder
from provisioning.phases import Steps


class Stop(Flag):
    """Set once the run was asked to end. Being asked every 0.1 s, it also writes what waits."""

    def __init__(self, run_id: int, recorder: Recorder, progress: Progress) -> None:
        self.recorder, self.progress = recorder, progress
        asked = Run.objects.filter(pk=run_id, cancel_asked_at__isnull=False)
        super().__init__(asked.exists)

    def is_set(self) -> bool:
        self.recorder.flush_if_due()
        self.progress.write_if_due()
        return super().is_set()


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
