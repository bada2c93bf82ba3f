"""The library: scripts and their versions. Imported by `provisioning.models`, as Django wants them there."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from cowweb.roles import curates, sees_everything
from people.models import Team
from people.rights import SEE, USE, is_in, teams_giving


class ScriptQuerySet(models.QuerySet["Script"]):
    def visible_to(self, user: User | None) -> "ScriptQuerySet":
        """Those without a team are everyone's to read and run; a team's are for its people."""
        if user is None or sees_everything(user):
            return self
        return self.filter(Q(team__isnull=True) | Q(owner=user) | Q(team__in=teams_giving(user, SEE)))

    def for_list(self) -> "ScriptQuerySet":
        return self.select_related("current__saved_by", "owner", "team").order_by("name")


class Script(models.Model):
    """A script kept by the site and run by its name: `name` for its newest version, `name@3` for one."""

    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="scripts"
    )
    team = models.ForeignKey(
        Team,
        null=True,
        on_delete=models.SET_NULL,
        related_name="scripts",
        help_text="who sees and changes it; nobody's: all see it, its owner changes it",
    )
    current = models.ForeignKey("ScriptVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScriptQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def may_be_changed_by(self, user: User | None) -> bool:
        if user is None or curates(user) or self.owner_id == user.pk:
            return curates(user) or user is not None
        return self.team is not None and is_in(user, self.team, USE)


class ScriptVersion(models.Model):
    """A script's text as it was saved once. Never changed: a new text is a new version."""

    script = models.ForeignKey(Script, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True, help_text="what this version changes")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["script", "number"], name="version_once_per_script")]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.script.name}@{self.number}"
