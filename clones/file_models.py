"""Files on their way between the site and a guest."""

from pathlib import Path

from django.conf import settings
from django.db import models


class FileCopy(models.Model):
    """A file or folder that goes into a guest or comes out of it::

    waiting ──► copying ──► done | failed | cancelled
    """

    class Way(models.TextChoices):
        IN = "in", "into the guest"
        OUT = "out", "out of the guest"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        COPYING = "copying", "Copying"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = [Status.WAITING, Status.COPYING]

    clone = models.ForeignKey("clones.Clone", on_delete=models.CASCADE, related_name="copies")
    way = models.CharField(max_length=3, choices=Way.choices)
    remote = models.CharField(max_length=1000, help_text="in the guest")
    name = models.CharField(max_length=255, help_text="of what is copied")
    local = models.CharField(
        max_length=4096, blank=True, help_text="its place on this host, where a command named one"
    )
    is_folder = models.BooleanField(default=False)
    size = models.PositiveBigIntegerField(null=True, help_text="bytes, where they are known before")
    bytes_done = models.PositiveBigIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    failure = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    cancel_asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.get_way_display()}"

    @property
    def folder(self) -> Path:
        """Where the site keeps it meanwhile."""
        return Path(settings.COWWEB_DATA) / "copies" / str(self.pk)

    @property
    def percent(self) -> int | None:
        return min(100, 100 * self.bytes_done // self.size) if self.size else None

    @property
    def is_underway(self) -> bool:
        return self.status in self.UNFINISHED

    @property
    def is_being_cancelled(self) -> bool:
        return self.is_underway and self.cancel_asked_at is not None

    @property
    def can_be_fetched(self) -> bool:
        return self.way == self.Way.OUT and self.status == self.Status.DONE and self.folder.exists()
