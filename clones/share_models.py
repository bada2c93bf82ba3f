"""Clones lent to people and teams that they do not belong to."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from people.models import Team
from people.rights import Level


class Share(models.Model):
    """One clone, open to one person or one team more."""

    clone = models.ForeignKey("clones.Clone", on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="clones_shared"
    )
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="clones_shared")
    level = models.PositiveSmallIntegerField(
        choices=[(level, level.label) for level in (Level.SEE, Level.USE)]
    )
    by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(team__isnull=True), name="share_is_with_a_person_or_a_team"
            ),
            models.UniqueConstraint(fields=["clone", "user"], name="clone_shared_once_with_a_person"),
            models.UniqueConstraint(fields=["clone", "team"], name="clone_shared_once_with_a_team"),
        ]
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.user or self.team)
