"""Keeping what a script says of its progress, and handing it back to the script when it is run again.

However often a script speaks, a few rows are written a few times a second: the latest word of each name.

Example::

    progress = Progress(run)
    progress.hear("CHECKPOINT COPY percent=40", line=7)
    progress.write()
    environment_of(run)      # {"COWWEB_ATTEMPT": "2", "COWWEB_CHECKPOINT": "COPY", …}
"""

import time

from django.db import transaction

from cowweb.live import ring
from provisioning.checkpoint_lines import Said, checkpoint_in
from provisioning.models import Checkpoint, Run

WRITE_S = 0.25
MOST_NAMES = 200
ENVIRONMENT_CHARACTERS = 500  # each; SSH servers take short commands only


class Progress:
    """The checkpoints of one try; used by the thread that takes the output."""

    def __init__(self, run: Run) -> None:
        self.run_id, self.attempt = run.pk, run.attempt
        self.counts: dict[str, int] = dict(run.checkpoints.values_list("name", "count"))
        self.waiting: dict[str, tuple[Said, int]] = {}
        self.last: Said | None = None
        self.written_at = -WRITE_S

    def hear(self, text: str, line: int) -> None:
        """A line of the script's output; most are no checkpoint."""
        said = checkpoint_in(text)
        if said is None or (said.name not in self.counts and len(self.counts) >= MOST_NAMES):
            return
        self.counts[said.name] = self.counts.get(said.name, 0) + 1
        self.waiting.pop(said.name, None)  # the order is that of the last words
        self.waiting[said.name] = (said, line)
        self.last = said

    def write_if_due(self) -> None:
        if self.waiting and time.monotonic() - self.written_at >= WRITE_S:
            self.write()

    def write(self) -> None:
        """The latest word of each name that spoke since the last time."""
        if not self.waiting or self.last is None:
            return
        rows = [self.row(said, line) for said, line in self.waiting.values()]
        with transaction.atomic():
            Checkpoint.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["run", "name"],
                update_fields=["params", "percent", "count", "line", "attempt"],
            )
            Run.objects.filter(pk=self.run_id).update(
                progress_percent=self.last.percent,
                progress_item=self.last.item[:100],
                progress_message=(self.last.message or self.last.name)[:200],
            )
            ring(f"run.{self.run_id}", "runs")
        self.waiting.clear()
        self.written_at = time.monotonic()

    def row(self, said: Said, line: int) -> Checkpoint:
        return Checkpoint(
            run_id=self.run_id,
            name=said.name,
            params=said.params,
            percent=said.percent,
            count=self.counts[said.name],
            line=line,
            attempt=self.attempt,
        )


def environment_of(run: Run) -> dict[str, str]:
    """What a script is told: which try this is, and how far the earlier ones came."""
    told = {"COWWEB_ATTEMPT": str(run.attempt)}
    reached = list(run.checkpoints.all()) if run.attempt > 1 else []
    if reached:
        last = reached[-1]
        said = " ".join(f"{key}={value}" for key, value in last.params.items())
        told["COWWEB_CHECKPOINT"] = last.name
        told["COWWEB_CHECKPOINT_PARAMS"] = said[:ENVIRONMENT_CHARACTERS]
        told["COWWEB_CHECKPOINTS"] = " ".join(c.name for c in reached)[:ENVIRONMENT_CHARACTERS]
    return told
