"""The clones that someone asks for: alive, at work, idle, open to a person, with what a list shows."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from clones.activity_models import idle_since
from clones.share_models import Share
from people.rights import SEE, Level, everywhere, given, held

if TYPE_CHECKING:
    from clones.models import Clone  # noqa: F401 - named in a string below

NEVER_IDLE_HOURS = 1_000_000


class CloneQuerySet(models.QuerySet["Clone"]):
    def live(self) -> "CloneQuerySet":
        return self.exclude(status__in=self.model.GONE)

    def kept(self) -> "CloneQuerySet":
        """Those that have a disk: the live ones, and those in the bin."""
        return self.exclude(status=self.model.Status.REMOVED)

    def binned(self) -> "CloneQuerySet":
        return self.filter(status=self.model.Status.BINNED).select_related("binned")

    def active(self) -> "CloneQuerySet":
        """Those that hold a machine, or are about to."""
        return self.filter(status__in=self.model.ACTIVE)

    def idle(self, hours: float | None = None) -> "CloneQuerySet":
        """Running ones that have done nothing for so long; for as long as the site calls idle by default."""
        since = idle_since(hours or settings.COWWEB_IDLE_HOURS or NEVER_IDLE_HOURS)
        return self.filter(status__in=self.model.RUNS, activity__active_at__lte=since)

    def visible_to(self, user: User | None) -> "CloneQuerySet":
        return self.open_to(user, SEE)

    def open_to(self, user: User | None, level: Level) -> "CloneQuerySet":
        """Those on which the user has this level: their own, their teams', and those lent to them."""
        if user is None or everywhere(user, level):
            return self
        lent = Share.objects.filter(given(user, level)).values("clone")
        return self.filter(held(user, level) | Q(pk__in=lent))

    def for_rows(self) -> "CloneQuerySet":
        """With what a row of a list shows."""
        return self.select_related("owner", "team", "revision__base", "lease", "activity").order_by("-pk")

    def for_list(self) -> "CloneQuerySet":
        related = (
            "owner",
            "team",
            "revision__base",
            "host",
            "parent",
            "layer",
            "template",
            "lease",
            "activity",
        )
        return self.select_related(*related).order_by("-pk")
