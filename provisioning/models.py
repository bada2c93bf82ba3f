"""Scripts, and their runs on clones.

A run's status::

    queued ──► running ──► succeeded
       │          ├──────► failed        (a phase said no, or the script's exit status was not 0)
       │          ├──────► timed_out
       └──────────┴──────► cancelled
                  └──────► interrupted   (the server died while the script ran)

Every end but `succeeded` can be gone on from: a retry moves the run back to queued, with the phases before
the chosen one as they are.
"""

import json
import zlib
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from bases.models import BaseRevision
from clones.models import Clone
from people.rights import SEE, Level, everywhere
from provisioning.input_models import RunInput
from provisioning.runtime_models import Runtime, RuntimeFound
from provisioning.script_models import Script, ScriptVersion

__all__ = [
    "Checkpoint",
    "OutputChunk",
    "Run",
    "RunInput",
    "RunPhase",
    "RunSecrets",
    "Runtime",
    "RuntimeFound",
    "Script",
    "ScriptVersion",
]

ROW_FIELDS = (
    *("script_name", "status", "exit_code", "line_count", "progress_percent", "progress_message"),
    *("created_at", "started_at", "ended_at", "clone_name", "base_reference", "revision_name"),
    *("owner__username", "clone__status"),
)


class RunQuerySet(models.QuerySet["Run"]):
    def unfinished(self) -> "RunQuerySet":
        return self.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])

    def visible_to(self, user: User | None) -> "RunQuerySet":
        return self.open_to(user, SEE)

    def open_to(self, user: User | None, level: Level) -> "RunQuerySet":
        """One's own, and those on clones that one has this level on."""
        if user is None or everywhere(user, level):
            return self
        clones = Clone.objects.open_to(user, level).values("pk")
        return self.filter(Q(owner=user) | Q(clone__in=clones))

    def retryable(self) -> "RunQuerySet":
        return self.filter(status__in=Run.RETRYABLE)

    def for_list(self) -> "RunQuerySet":
        beside = ("owner", "clone", "published__base", "script_version__script")
        return self.select_related(*beside).order_by("-pk")

    def for_rows(self) -> "RunQuerySet":
        """With what a row of a list shows; of the script, its machine and what it found, nothing."""
        return self.select_related("owner", "clone").only(*ROW_FIELDS).order_by("-pk")


class Run(models.Model):
    """One provisioning: a script, the clone it was given, and everything it said."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        TIMED_OUT = "timed_out", "Timed out"
        INTERRUPTED = "interrupted", "Interrupted"

    class Afterwards(models.TextChoices):
        """What becomes of the clone. One that was to be removed is only stopped when its run failed, ran out
        of time or was interrupted, so that there is something to look at and to go on from."""

        STOP = "stop", "Shut it down"
        KEEP = "keep", "Keep it running"
        REMOVE = "remove", "Remove it"

    class Channel(models.TextChoices):
        """The ways into a guest."""

        AGENT = "agent", "our agent"
        SSH = "ssh", "SSH"
        QGA = "qga", "QEMU's guest agent"

    RETRYABLE = [Status.FAILED, Status.CANCELLED, Status.TIMED_OUT, Status.INTERRUPTED]
    ENDED = [Status.SUCCEEDED, *RETRYABLE]

    script_name = models.CharField(max_length=200)
    script_text = models.TextField()
    script_sha256 = models.CharField(max_length=64)
    script_version = models.ForeignKey(
        ScriptVersion, null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    clone = models.ForeignKey(Clone, null=True, on_delete=models.PROTECT, related_name="runs")
    clone_name = models.CharField(max_length=63)
    base_reference = models.CharField(max_length=100)
    revision_name = models.CharField(
        max_length=100, blank=True, help_text="what that was when it was ordered"
    )
    memory_mb = models.PositiveIntegerField(null=True)
    cpus = models.PositiveIntegerField(null=True)
    timeout_s = models.PositiveIntegerField(default=120)
    overrides = models.JSONField(default=dict, help_text="by key: what the script said, what was used")
    parameters = models.JSONField(default=list, help_text="name, kind, value (none of a secret), given")
    interactive = models.BooleanField(default=False, help_text="its script reads what people send it")
    afterwards = models.CharField(max_length=6, choices=Afterwards.choices, default=Afterwards.STOP)
    snapshot = models.BooleanField(default=False)
    snapshot_name = models.CharField(max_length=63, blank=True)
    publish_as = models.CharField(max_length=63, blank=True, help_text="the base its clone becomes")
    published = models.ForeignKey(BaseRevision, null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    ending = models.CharField(
        max_length=12, choices=Status.choices, blank=True, help_text="how it will have ended once it let go"
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    failure = models.TextField(blank=True)
    failure_detail = models.TextField(blank=True, help_text="the guest's last words on its serial port")
    failed_phase = models.CharField(max_length=20, blank=True)
    exit_code = models.IntegerField(null=True)
    channel_asked = models.CharField(
        max_length=10, choices=Channel.choices, blank=True, help_text="for diagnosis; the best otherwise"
    )
    runtime_asked = models.CharField(max_length=40, blank=True, help_text="brought if it is not there")
    channel = models.CharField(max_length=10, blank=True, help_text="the way into the guest that was used")
    line_count = models.PositiveIntegerField(default=0)
    output_bytes = models.PositiveBigIntegerField(default=0)
    checks = models.JSONField(default=list, help_text="each check: its state, its time, what was found last")
    progress_percent = models.FloatField(null=True, help_text="as the script said last")
    progress_item = models.CharField(max_length=100, blank=True)
    progress_message = models.CharField(max_length=200, blank=True)
    output_removed_at = models.DateTimeField(null=True, help_text="by the policy of how long it is kept")
    cancel_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    spent_s = models.FloatField(default=0, help_text="seconds of the attempts before this one")

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(exit_code=0), name="succeeded_run_exited_zero"
            )
        ]
        indexes = [models.Index(fields=["status", "-id"]), models.Index(fields=["owner", "-id"])]

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def has_ended(self) -> bool:
        return self.status in self.ENDED

    @property
    def keep_running(self) -> bool:
        return self.afterwards == self.Afterwards.KEEP

    @property
    def can_be_retried(self) -> bool:
        """Whether there is a clone left to go on with; a removed one leaves only running again."""
        gone = (Clone.Status.REMOVING, *Clone.GONE)
        return self.status in self.RETRYABLE and self.clone is not None and self.clone.status not in gone

    @property
    def elapsed_ms(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds() * 1000


class RunSecrets(models.Model):
    """The secret parameters of a run that has not ended, sealed. See `provisioning.sealed`."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"secrets of run {self.run_id}"


class RunPhase(models.Model):
    """One step of a run, with the time it took."""

    class Name(models.TextChoices):
        PARSE = "parse", "Parse"
        ALLOCATE = "allocate", "Allocate"
        CLONE = "clone", "Clone"
        START = "start", "Start"
        READY = "ready", "Wait until ready"
        RUNTIME = "runtime", "Runtime"
        SCRIPT = "script", "Script"
        CHECKS = "checks", "Checks"
        SNAPSHOT = "snapshot", "Snapshot"
        PUBLISH = "publish", "Publish"
        RELEASE = "release", "Release"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=20, choices=Name.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    note = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(null=True)
    ms = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="phase_once_per_run")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.name} {self.state}"


class Checkpoint(models.Model):
    """A step that a script says it has come to, with its last word on it. It informs and decides nothing."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="checkpoints")
    name = models.CharField(max_length=63)
    params = models.JSONField(default=dict)
    percent = models.FloatField(null=True)
    count = models.PositiveIntegerField(default=1, help_text="how often it was said")
    line = models.PositiveIntegerField(help_text="the output's line that said it last")
    attempt = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="checkpoint_once_per_run")]
        ordering = ["line"]

    def __str__(self) -> str:
        return self.name


class OutputChunk(models.Model):
    """Consecutive lines of a run's output. A line is (stream, ms since the script's start, text)."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    first_line = models.PositiveIntegerField(help_text="number of its first line, from 1")
    line_count = models.PositiveIntegerField()
    colours = models.JSONField(default=dict, help_text="by stream, as they were before its first line")
    payload = models.BinaryField(help_text="zlib of the lines' JSON")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "first_line"], name="chunk_once_per_line")]
        ordering = ["first_line"]

    def __str__(self) -> str:
        return f"lines {self.first_line}+{self.line_count}"

    @staticmethod
    def packed(lines: list[tuple[str, int, str]]) -> bytes:
        return zlib.compress(json.dumps(lines, ensure_ascii=False, separators=(",", ":")).encode(), 1)

    def lines(self) -> list[tuple[str, int, str]]:
        loaded: list[list[Any]] = json.loads(zlib.decompress(bytes(self.payload)))
        return [(stream, ms, text) for stream, ms, text in loaded]
