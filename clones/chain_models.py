"""What disks stand on, and the work that changes it.

A layer is a clone's disk of one moment, set aside so that a clone of that clone can stand on it. It is
never written again. A disk task's state::

    queued ──► running ──► done
                  ├──────► failed
                  └──────► cancelled
"""

from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from bases.models import BaseRevision
from hosts.models import Job
from pools.models import Template

MARK_LENGTH = 12


class LayerQuerySet(models.QuerySet["Layer"]):
    def unneeded(self) -> "LayerQuerySet":
        """Sealed ones on which nothing stands: no layer, no clone, no snapshot."""
        return self.filter(
            sealed_at__isnull=False, children__isnull=True, clones__isnull=True, snapshots__isnull=True
        )


class Layer(models.Model):
    """A disk that clones and other layers stand on: on its parent layer, a template's disk or a revision."""

    class Kept(models.TextChoices):
        """What state of the guest it holds."""

        STOPPED = "stopped", "of a stopped guest"
        FROZEN = "frozen", "of a running guest that held its file systems still"
        CRASH = "crash", "of a running guest, as after a power cut"
        LIVE = "live", "of a running guest, in the middle of its work"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    template = models.ForeignKey(
        Template, null=True, blank=True, on_delete=models.PROTECT, related_name="layers"
    )
    revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="layers")
    made_from = models.ForeignKey("clones.Clone", on_delete=models.PROTECT, related_name="layers_given")
    kept = models.CharField(max_length=10, choices=Kept.choices, default=Kept.STOPPED)
    disk_bytes = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    sealed_at = models.DateTimeField(null=True, help_text="since when nothing writes to it")

    objects = LayerQuerySet.as_manager()

    def __str__(self) -> str:
        return f"layer {self.mark} of {self.made_from.name}"

    @property
    def mark(self) -> str:
        return self.uuid.hex[:MARK_LENGTH]

    @property
    def disk(self) -> Path:
        return Path(settings.COWWEB_LAYERS) / f"{self.uuid.hex}.qcow2"


class DiskTask(models.Model):
    """Long work on one clone's disk: seen, cancelled, and gone on with by another process if need be."""

    class Kind(models.TextChoices):
        FLATTEN = "flatten", "Flattening"
        PROMOTE = "promote", "Promoting"
        REBASE = "rebase", "Rebasing"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = [State.QUEUED, State.RUNNING]

    clone = models.ForeignKey("clones.Clone", on_delete=models.PROTECT, related_name="disk_tasks")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    percent = models.FloatField(default=0)
    note = models.CharField(max_length=200, blank=True, help_text="what it does now, or what came of it")
    failure = models.TextField(blank=True)
    cancel_asked_at = models.DateTimeField(null=True)
    target_name = models.CharField(max_length=63, blank=True, help_text="the base that a promotion makes")
    target = models.ForeignKey(BaseRevision, null=True, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clone"],
                condition=Q(state__in=["queued", "running"]),
                name="one_open_disk_task_per_clone",
            )
        ]
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.clone.name}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN
