"""How long clones last. Each has a lease; teams and bases may say how long theirs are.

A lease::

    given ──► near its end (warned) ──► ended: the clone is stopped ──► after a grace in the bin ──► removed
      ▲            │                       │                                   │
      └─ extend ◄──┴───────────────────────┘            undelete: a new lease ◄┘
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bases.models import BaseImage
from people.models import Team


class LeasePolicy(models.Model):
    """How long leases of one team or one base are; what is empty is as the site has it."""

    team = models.OneToOneField(Team, null=True, on_delete=models.CASCADE, related_name="lease_policy")
    base = models.OneToOneField(BaseImage, null=True, on_delete=models.CASCADE, related_name="lease_policy")
    default_hours = models.PositiveIntegerField(null=True, blank=True)
    most_hours = models.PositiveIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(team__isnull=True) ^ Q(base__isnull=True), name="lease_policy_of_a_team_or_a_base"
            )
        ]

    def __str__(self) -> str:
        return f"leases of {self.team or self.base}"


class Lease(models.Model):
    """Until when one clone lasts. `ends_at` is empty where the site lets clones last for ever."""

    clone = models.OneToOneField("clones.Clone", on_delete=models.CASCADE, related_name="lease")
    began_at = models.DateTimeField(help_text="from when its greatest length counts")
    ends_at = models.DateTimeField(null=True, db_index=True)
    warn_at = models.DateTimeField(null=True, db_index=True)
    warned_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="when it was over, and the clone was stopped")
    note = models.CharField(max_length=300, blank=True, help_text="what happened to it unasked")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True, warn_at__isnull=True)
                | Q(ends_at__isnull=False, warn_at__isnull=False),
                name="lease_warns_if_it_ends",
            )
        ]

    def __str__(self) -> str:
        return f"lease of {self.clone_id}"

    @property
    def is_near(self) -> bool:
        """Whether it is to be warned of."""
        return self.ended_at is None and self.warn_at is not None and self.warn_at <= timezone.now()


class Binned(models.Model):
    """A removed clone whose disk is still there. Whoever deletes this row, or marks it, decides what becomes
    of the disk: exactly one of `undelete` and `purge` does."""

    clone = models.OneToOneField("clones.Clone", on_delete=models.CASCADE, related_name="binned")
    at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(db_index=True)
    by_name = models.CharField(max_length=150)
    why = models.CharField(max_length=200, blank=True)
    purging = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.clone_id} in the bin"
