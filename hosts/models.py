"""Where clones live, and the work that is done for them there.

A job's state::

    queued ──► running ──► done
       ▲          │ ├────► failed
       └──────────┘        (back to queued when its worker died)
"""

from django.db import models

from audit.models import AuditEntry
from hosts.finding_models import Finding

__all__ = ["Finding", "Host", "Job"]


class Host(models.Model):
    """A machine that runs clones. Its facts are what the last look at it found."""

    name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=20, default="qemu")
    facts = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True)
    reconciled_at = models.DateTimeField(null=True, help_text="when rows and host were last compared")
    reconciled_ms = models.FloatField(null=True, help_text="how long that took")
    measured = models.JSONField(default=dict, help_text="bytes of memory that each machine has of its own")

    def __str__(self) -> str:
        return self.name


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def subjects(self) -> "models.QuerySet[Job, int]":
        """What they are about, for `exclude(pk__in=…)`."""
        return self.values_list("subject_id", flat=True)

    def newest_of(self, subject_id: int) -> "Job | None":
        return self.filter(subject_id=subject_id).order_by("-pk").first()


class Job(models.Model):
    """Work to do in the background. This row is the truth; whatever carries it may die."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    task = models.CharField(max_length=100, help_text="dotted path of a function that takes one id")
    subject_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    worker = models.CharField(max_length=120, blank=True, help_text="boot id, pid and start of the process")
    attempts = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True)
    audit_entry = models.ForeignKey(AuditEntry, null=True, on_delete=models.PROTECT, related_name="jobs")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "id"])]

    def __str__(self) -> str:
        return f"{self.task} {self.subject_id}"

    @property
    def words(self) -> str:
        """What it does, for people: `clone make 13`."""
        name = self.task.rsplit(".", 1)[-1].removesuffix("_task").replace("_", " ")
        return f"{name} {self.subject_id}"
