"""What the pages say before the click: what one more machine leaves of one's quotas and of the host's room.

Looked up once for a page, however many bases are on it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from bases.models import BaseImage
from clones.models import Clone
from hosts.capacity import MANY, Capacity, Fit, capacity_now, fit_words
from people.rights import usual_team
from quotas.standing import Left, left_for


@dataclass(frozen=True)
class Room:
    """`user` is who would make the machine; None where only the host's room is asked for."""

    user: User | None

    @cached_property
    def capacity(self) -> Capacity:
        return capacity_now()

    @cached_property
    def left(self) -> Left | None:
        return left_for(self.user, usual_team(self.user)) if self.user else None

    @cached_property
    def clones_left(self) -> int:
        most = settings.COWWEB_MAX_CLONES
        return most - len(
            Clone.objects.live().values_list("pk")[:most]
        )  # where there are many, it matters not how many

    def fit(self, base: BaseImage, memory_mb: int | None = None) -> Fit:
        """How many more of the base's machines, the site's own limit on clones included."""
        fit = self.capacity.fits(base.pk, memory_mb or base.memory_mb)
        if self.clones_left >= fit.count:
            return fit
        why = f"the site keeps {settings.COWWEB_MAX_CLONES} clones at most"
        return Fit(self.clones_left, fit.memory_bytes, fit.disk_bytes, why)

    def after(
        self,
        base: BaseImage,
        memory_mb: int | None = None,
        cpus: int | None = None,
        count: int | None = None,
        minutes: int = 0,
    ) -> dict[str, Any]:
        """In words: what is used once so many more are made, and how many more fit on the host."""
        size = {"memory_mb": memory_mb or base.memory_mb, "cpus": cpus or base.cpus}
        words, over = self.left.after(**size, count=count or 1, minutes=minutes) if self.left else ("", "")
        fit = self.fit(base, size["memory_mb"])
        return {
            "words": words,
            "over": over,
            "full": fit.count < (count or 1),
            "fit": "" if fit.count >= MANY else fit_words(fit, base.name),
            "why": fit.why,
        }


def rows_of(bases: list[BaseImage], room: Room) -> list[dict[str, Any]]:
    """What the next clone of each base takes, and how many more fit."""
    return [{"base": base, "fit": room.fit(base)} for base in bases]
