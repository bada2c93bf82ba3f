"""The library: scripts and their versions. Imported by `provisioning.models`, as Django wants them there."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from cowweb.roles import curates


class ScriptQuerySet(models.QuerySet["Script"]):
    def visible_to(self, user: User | None) -> "ScriptQuerySet":
        """Everyone who is signed in may read and run every script of the library."""
        return self

    def for_list(self) -> "ScriptQuerySet":
        return self.select_related("current__saved_by", "owner").order_by("name")


class Script(models.Model):
    """A script kept by the site and run by its name: `name` for its newest version, `name@3` for one."""

    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="scripts"
    )
    current = models.ForeignKey("ScriptVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScriptQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def may_be_changed_by(self, user: User | None) -> bool:
        return curates(user) or (user is not None and self.owner_id == user.pk)


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
