"""The interpreters that the site knows, and which revision of a base has which."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q

from bases.models import BaseRevision, stored


class Runtime(models.Model):
    """An interpreter: how it is looked for in a guest, how it is called, and what the site brings where it is
    missing. Its texts are shell; `{program}` is where it was found, `{file}` the script."""

    class Form(models.TextChoices):
        TAR = "tar", "tar archive"
        PROGRAM = "bin", "one executable"

    name = models.CharField(max_length=40, unique=True)
    language = models.CharField(max_length=40, help_text="what a script's shebang or form asks for")
    description = models.CharField(max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(default=50, help_text="the lowest of a language is preferred")
    look = models.TextField(
        help_text="shell: prints where it is in a guest; $brought is where it is brought to"
    )
    from_stdin = models.CharField(max_length=200, blank=True, help_text="reads a script from stdin; or empty")
    from_file = models.CharField(max_length=200, default="{program} {file}")
    digest = models.CharField(max_length=64, blank=True, help_text="sha256 of what is brought")
    form = models.CharField(max_length=3, choices=Form.choices, blank=True)
    entry = models.CharField(max_length=100, blank=True, help_text="the executable's name in the archive")
    file_name = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["language", "position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(digest="") | (~Q(form="") & ~Q(entry="")), name="brought_runtime_has_a_form"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def file(self) -> Path | None:
        """What is brought, in the store."""
        return stored(self.digest, "runtime") if self.digest else None


class RuntimeFound(models.Model):
    """Whether a revision has a runtime: seen in a guest of it, which stays true as its disk never changes."""

    revision = models.ForeignKey(BaseRevision, on_delete=models.CASCADE, related_name="runtimes")
    runtime = models.ForeignKey(Runtime, on_delete=models.CASCADE, related_name="found")
    path = models.CharField(max_length=300, blank=True, help_text="empty: it is not there")
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "runtime"], name="runtime_found_once_per_revision")
        ]

    def __str__(self) -> str:
        return f"{self.runtime} in {self.revision}: {self.path or 'missing'}"
