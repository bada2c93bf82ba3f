"""Who did what. An entry is written when a command is asked for, its outcome when it has ended.

    entry ── (no outcome yet: under way) ──► outcome: done | refused | failed

Both tables only grow: nothing updates or deletes their rows.
"""

from django.conf import settings
from django.db import models


class Via(models.TextChoices):
    WEB = "web", "Browser"
    SHELL = "shell", "Shell"
    API = "api", "API"
    SYSTEM = "system", "The site itself"


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def for_list(self) -> "AuditEntryQuerySet":
        return self.select_related("outcome").order_by("-pk")

    def about(self, target: str) -> "AuditEntryQuerySet":
        return self.filter(target=target).for_list()


class AuditEntry(models.Model):
    """One command, refused ones too. Names are copied, so they outlive what they name."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="audit_entries"
    )
    actor_name = models.CharField(max_length=150, db_index=True)
    via = models.CharField(max_length=10, choices=Via.choices)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=40, db_index=True)
    target = models.CharField(max_length=120, blank=True, db_index=True, help_text="kind:name")
    params = models.JSONField(default=dict)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.target}"


class AuditOutcome(models.Model):
    """How an entry's command ended."""

    class Result(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="outcome")
    at = models.DateTimeField(auto_now_add=True)
    result = models.CharField(max_length=10, choices=Result.choices, db_index=True)
    reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.entry_id} {self.result}"
