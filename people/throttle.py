"""Tries at a secret, counted: for each account and for each address, with the moment of the next one.

A try is written down before the secret is looked at, so that fifty at once get no more than one
after the other.

Example::

    tried = tries_taken(Count("account", "mia", 10), Count("address", "192.0.2.1", 50))   # ThrottledError
    tries_given_back(tried)                                                             # it was the right one
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from cowweb.errors import DomainError
from cowweb.wording import duration
from people.models import Attempt

WINDOW = timedelta(minutes=15)
KEPT = timedelta(days=1)


class ThrottledError(DomainError):
    """Too many tries. `until` is when the next one is taken."""

    code = "throttled"

    def __init__(self, until: datetime) -> None:
        self.until = until
        wait = duration(max(1, self.wait_s) * 1000)
        local = timezone.localtime(until)
        super().__init__(f"Too many failed tries. Try again at {local:%H:%M:%S} {local.tzname()}, in {wait}")

    @property
    def wait_s(self) -> int:
        return max(0, int((self.until - timezone.now()).total_seconds()) + 1)


@dataclass(frozen=True, slots=True)
class Count:
    """What tries are counted against, and how many are taken in a quarter of an hour."""

    kind: str
    value: str
    most: int

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.kind}:{self.value}".encode()).hexdigest()


def tries_taken(*counts: Count) -> list[Attempt]:
    """Writes the try down; refuses it, and takes it out again, where there were too many."""
    Attempt.objects.filter(at__lt=timezone.now() - KEPT).delete()
    made = [Attempt.objects.create(key=count.key) for count in counts]
    over = [until for count, own in zip(counts, made, strict=True) if (until := next_try(count, own))]
    if over:
        tries_given_back(made)
        raise ThrottledError(max(over))
    return made


def next_try(count: Count, own: Attempt) -> datetime | None:
    """When there is room again; None while there is."""
    others = Attempt.objects.filter(key=count.key, at__gt=timezone.now() - WINDOW).exclude(pk=own.pk)
    times = list(others.order_by("-at").values_list("at", flat=True)[: count.most])
    return times[-1] + WINDOW if len(times) >= count.most else None


def tries_given_back(made: list[Attempt]) -> None:
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in made]).delete()


def forgotten(count: Count) -> None:
    """Who got in starts anew."""
    Attempt.objects.filter(key=count.key).delete()
