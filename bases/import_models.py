"""Images on their way in: uploaded by a browser, fetched from an address or copied from an import folder.

An import's state::

    receiving ──► checking ──► done
        │            ├───────► failed
        ├────────────┼───────► failed
        └────────────┴───────► cancelled
"""

from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import models

from audit.models import AuditEntry


class ImportQuerySet(models.QuerySet["Import"]):
    def open(self) -> "ImportQuerySet":
        return self.filter(state__in=Import.OPEN)


class Import(models.Model):
    """One image that arrives. The file beside it is the truth about how much has come."""

    class Way(models.TextChoices):
        UPLOAD = "upload", "Upload"
        URL = "url", "Address"
        PATH = "path", "Import folder"

    class State(models.TextChoices):
        RECEIVING = "receiving", "Receiving"
        CHECKING = "checking", "Checking"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = [State.RECEIVING, State.CHECKING]

    token = models.UUIDField(default=uuid4, unique=True, editable=False)
    way = models.CharField(max_length=10, choices=Way.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVING)
    name = models.CharField("base", max_length=63)
    facts = models.JSONField(default=dict, help_text="what is said of the base, and how it boots")
    url = models.CharField(max_length=2048, blank=True)
    image_key = models.CharField(max_length=60, blank=True, help_text="of the catalogue")
    file_name = models.CharField(max_length=255, blank=True)
    file_modified = models.BigIntegerField(default=0, help_text="as the browser says, in ms")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes to come; 0: not known")
    received = models.PositiveBigIntegerField(default=0)
    expected = models.CharField(max_length=140, blank=True, help_text="algorithm:digest it must have")
    expected_from = models.CharField(max_length=2300, blank=True, help_text="who says so")
    digest = models.CharField(max_length=64, blank=True, help_text="sha256 of what came")
    note = models.CharField(max_length=500, blank=True)
    failure = models.TextField(blank=True)
    cancel_asked = models.BooleanField(default=False)
    revision = models.ForeignKey("bases.BaseRevision", null=True, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    audit_entry = models.ForeignKey(AuditEntry, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(auto_now=True)
    ended_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"import {self.pk} of {self.name}"

    @property
    def path(self) -> Path:
        return Path(settings.COWWEB_ARRIVALS) / f"{self.token.hex}.part"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def percent(self) -> int | None:
        return min(100, self.received * 100 // self.size) if self.size else None
