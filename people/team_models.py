"""Teams, and what the site knows of a person beyond Django's user.

A membership's role::

    viewer  sees what the team has
    member  uses it, and makes the team's clones
    owner   also removes and shares it, and says who is in the team
"""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Count

from cowweb.roles import sees_everything


class TeamQuerySet(models.QuerySet["Team"]):
    def of(self, user: User) -> "TeamQuerySet":
        return self.filter(memberships__user=user)

    def visible_to(self, user: User | None) -> "TeamQuerySet":
        """Those one is in; every team for who sees all, and for the site itself."""
        return self if user is None or sees_everything(user) else self.of(user)

    def for_list(self) -> "TeamQuerySet":
        return self.annotate(people=Count("memberships", distinct=True)).order_by("name")


class Team(models.Model):
    """People who work on the same machines."""

    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's place in one team."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer"
        MEMBER = "member", "Member"
        OWNER = "owner", "Owner"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_place_in_a_team")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id} as {self.role}"


class Person(models.Model):
    """What belongs to a user and is no part of Django's. Made when it is first needed."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="person")
    is_auditor = models.BooleanField(default=False)
    is_service = models.BooleanField(default=False, help_text="a program that signs in with tokens only")
    default_team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"person {self.user_id}"
