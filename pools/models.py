"""What instant clones are made from: templates (a booted guest, saved) and spares (one restored, waiting).

A template's status::

    building ──► ready ──► stale      (QEMU changed, its revision has a successor, or a curator said so)
        └──────► failed

A spare's status::

    filling ──► ready ──► taken
        └─────────┴─────► discarded
"""

from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, Q

from bases.models import BaseImage, BaseRevision


class TemplateQuerySet(models.QuerySet["Template"]):
    def live(self) -> "TemplateQuerySet":
        return self.filter(status__in=[Template.Status.BUILDING, Template.Status.READY])

    def for_list(self) -> "TemplateQuerySet":
        ready = Count("spares", filter=Q(spares__status="ready"), distinct=True)
        return self.select_related("revision__base").annotate(ready_spares=ready).order_by("-pk")

    def counted(self) -> "TemplateQuerySet":
        """With the spares on their way, and the clones whose disk stands on it."""
        filling = Count("spares", filter=Q(spares__status="filling"), distinct=True)
        standing = Count("clones", filter=~Q(clones__status="removed"), distinct=True)
        return self.annotate(filling_spares=filling, live_clones=standing)


class Template(models.Model):
    """A guest of one revision and size, booted once and saved: its memory, its devices, its disk layer."""

    class Status(models.TextChoices):
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        STALE = "stale", "Stale"
        FAILED = "failed", "Failed"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    revision = models.ForeignKey(BaseRevision, on_delete=models.PROTECT, related_name="templates")
    memory_mb = models.PositiveIntegerField()
    cpus = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64, help_text="of QEMU and the machine's arguments")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    failure = models.TextField(blank=True)
    failure_detail = models.TextField(blank=True)
    memory_bytes = models.PositiveBigIntegerField(default=0, help_text="allocated of the memory file")
    state_bytes = models.PositiveBigIntegerField(default=0)
    disk_bytes = models.PositiveBigIntegerField(default=0)
    build_ms = models.FloatField(null=True)
    hits = models.PositiveIntegerField(default=0, help_text="clones made from it")
    created_at = models.DateTimeField(auto_now_add=True)
    built_at = models.DateTimeField(null=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "memory_mb", "cpus", "fingerprint"],
                condition=Q(status__in=["building", "ready"]),
                name="one_live_template_per_machine",
            )
        ]

    def __str__(self) -> str:
        return f"{self.revision} {self.memory_mb}M {self.cpus} cpu"

    @property
    def folder(self) -> Path:
        return Path(settings.COWWEB_TEMPLATES) / self.uuid.hex[:12]

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def state(self) -> Path:
        return self.folder / "devices.state"

    @property
    def kept_memory(self) -> Path:
        """The copy on disk, so that a reboot of the host does not cost a rebuild."""
        return self.folder / "memory"

    @property
    def memory(self) -> Path:
        """The file that clones map, in memory."""
        return Path(settings.COWWEB_MEMORY) / f"{self.uuid.hex[:12]}.ram"


class Pool(models.Model):
    """How many spares of a base's usual machine are kept: the minimum, and more while more are asked for."""

    base = models.OneToOneField(BaseImage, on_delete=models.CASCADE, related_name="pool")
    instant = models.BooleanField(default=True, help_text="make a template as soon as a clone was asked for")
    minimum = models.PositiveIntegerField(default=0, help_text="spares always kept; 0: none at all")
    maximum = models.PositiveIntegerField(default=8, help_text="spares kept while as many are asked for")
    refill_per_minute = models.PositiveIntegerField(default=60, validators=[MinValueValidator(1)])
    age_limit_s = models.PositiveIntegerField(
        "age limit (s)", default=3600, help_text="older ones are replaced"
    )
    taken = models.PositiveIntegerField(default=0)
    missed = models.PositiveIntegerField(default=0, help_text="requests that found it empty")
    window_at = models.DateTimeField(null=True, help_text="since when requests are counted afresh")
    window_asked = models.PositiveIntegerField(default=0, help_text="requests since then")
    window_before = models.PositiveIntegerField(default=0, help_text="requests in the window before")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum__lte=models.F("maximum")), name="pool_minimum_below_maximum"
            )
        ]

    def __str__(self) -> str:
        return f"pool of {self.base.name}"

    @property
    def asked(self) -> int:
        return self.taken + self.missed

    @property
    def hit_rate(self) -> float | None:
        return None if not self.asked else self.taken / self.asked


class Spare(models.Model):
    """A restored, paused machine that nobody has yet. It is handed out once."""

    class Status(models.TextChoices):
        FILLING = "filling", "Filling"
        READY = "ready", "Ready"
        TAKEN = "taken", "Taken"
        DISCARDED = "discarded", "Discarded"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="spares")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.FILLING)
    failure = models.TextField(blank=True)
    record = models.JSONField(null=True)
    forwards = models.JSONField(default=list)
    fill_ms = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["template", "status"])]

    def __str__(self) -> str:
        return f"spare {self.pk}"

    @property
    def folder(self) -> Path:
        """The folder of the clone that it may become."""
        return Path(settings.COWWEB_CLONES) / self.uuid.hex[:12]

    @property
    def disk(self) -> Path:
        return self.folder / "spare.qcow2"
