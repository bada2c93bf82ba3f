"""The record of a revision's life, and the names that revisions go by."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Stage(models.TextChoices):
    """Where a revision stands with its curators; `BaseRevision.MOVES` has the moves."""

    DRAFT = "draft", "Draft"
    INSPECTED = "inspected", "Inspected"
    APPROVED = "approved", "Approved"
    DEPRECATED = "deprecated", "Deprecated"
    RETIRED = "retired", "Retired"


class RevisionMove(models.Model):
    """One move of a revision from stage to stage: who, when, why. Written by `bases.life`, never changed."""

    revision = models.ForeignKey("bases.BaseRevision", on_delete=models.PROTECT, related_name="moves")
    before = models.CharField(max_length=10, choices=Stage.choices, blank=True)
    after = models.CharField(max_length=10, choices=Stage.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=150)
    why = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.revision} {self.after}"


class BaseAlias(models.Model):
    """A name for a revision that can be moved. `stable` is none of these: it is the base's `current`."""

    base = models.ForeignKey("bases.BaseImage", on_delete=models.PROTECT, related_name="aliases")
    name = models.CharField(max_length=63)
    revision = models.ForeignKey("bases.BaseRevision", on_delete=models.PROTECT, related_name="aliases")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base", "name"], name="alias_once_per_base"),
            models.CheckConstraint(condition=~Q(name="stable"), name="stable_is_the_current_revision"),
        ]
        ordering = ["base", "name"]

    def __str__(self) -> str:
        return f"{self.base.name}@{self.name}"


class AliasMove(models.Model):
    """One move of an alias, `stable` too. Rolling back undoes the newest that is not undone."""

    base = models.ForeignKey("bases.BaseImage", on_delete=models.PROTECT, related_name="alias_moves")
    name = models.CharField(max_length=63)
    before = models.ForeignKey("bases.BaseRevision", null=True, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey("bases.BaseRevision", null=True, on_delete=models.PROTECT, related_name="+")
    is_rollback = models.BooleanField(default=False)
    undone = models.BooleanField(default=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=150)
    why = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.base.name}@{self.name} is {self.after.number if self.after else 'none'}"
