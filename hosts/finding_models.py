"""What the reconciler found to differ between the rows and this host, and what became of it.

A finding's state::

    (repaired)   the reconciler put it right at once
    waiting ──► resolved       decided by an administrator, or gone by itself
    quarantined ──► resolved   kept from use until it is as it was
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class FindingQuerySet(models.QuerySet["Finding"]):
    def open(self) -> "FindingQuerySet":
        return self.filter(state__in=Finding.OPEN)

    def waiting(self) -> "FindingQuerySet":
        return self.filter(state=Finding.State.WAITING)

    def for_list(self) -> "FindingQuerySet":
        """What asks for someone first, then the newest."""
        order = models.Case(
            models.When(state=Finding.State.WAITING, then=0),
            models.When(state=Finding.State.QUARANTINED, then=1),
            default=2,
        )
        return self.order_by(order, "-last_seen", "-pk")


class Finding(models.Model):
    """One difference. Seen again it is counted, not written again."""

    class Kind(models.TextChoices):
        PROCESS = "process", "Process"
        FOLDER = "folder", "Machine folder"
        FILE = "file", "File"
        MEMORY = "memory", "Memory file"
        BASE = "base", "Base image"
        CLONE = "clone", "Clone"
        SPARE = "spare", "Warm spare"
        TEMPLATE = "template", "Template"
        PORTS = "ports", "Ports"
        SOCKET = "socket", "Control socket"
        RULES = "rules", "Network rules"
        JOB = "job", "Work"

    class State(models.TextChoices):
        REPAIRED = "repaired", "Repaired"
        QUARANTINED = "quarantined", "Quarantined"
        WAITING = "waiting", "Waiting for a decision"
        RESOLVED = "resolved", "Resolved"

    class Decision(models.TextChoices):
        ADOPT = "adopt", "Adopt"
        REMOVE = "remove", "Remove"
        LEAVE = "leave", "Leave"

    OPEN = (State.WAITING, State.QUARANTINED)
    CHOICES: ClassVar[dict[str, list[str]]] = {
        Kind.PROCESS: [Decision.ADOPT, Decision.REMOVE, Decision.LEAVE],
        Kind.FOLDER: [Decision.ADOPT, Decision.REMOVE, Decision.LEAVE],
        Kind.FILE: [Decision.REMOVE, Decision.LEAVE],
        Kind.MEMORY: [Decision.REMOVE, Decision.LEAVE],
        Kind.CLONE: [Decision.REMOVE, Decision.LEAVE],
        Kind.SOCKET: [Decision.LEAVE],
    }

    kind = models.CharField(max_length=10, choices=Kind.choices)
    subject = models.CharField(max_length=300, help_text="a path below the data folder, or kind:name")
    found = models.TextField(help_text="what was found")
    done = models.TextField(blank=True, help_text="what was done about it")
    state = models.CharField(max_length=12, choices=State.choices)
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    evidence = models.JSONField(default=dict, help_text="what tells this very thing from a later one")
    count = models.PositiveIntegerField(default=1, help_text="looks that saw it")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(state__in=["waiting", "quarantined"]),
                name="one_open_finding_per_subject",
            )
        ]
        indexes = [models.Index(fields=["kind", "subject", "-id"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def choices(self) -> list[str]:
        """What may be decided of it now."""
        if self.state != self.State.WAITING:
            return []
        allowed = self.CHOICES.get(self.kind, [self.Decision.LEAVE])
        is_machine = bool(self.evidence.get("uuid")) or self.kind == self.Kind.FOLDER
        return [one for one in allowed if one != self.Decision.ADOPT or is_machine]

    @property
    def can_adopt(self) -> bool:
        return self.Decision.ADOPT in self.choices

    @property
    def can_remove(self) -> bool:
        return self.Decision.REMOVE in self.choices
