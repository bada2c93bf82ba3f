"""How many spares a pool should have now: as many as were asked for lately, within what its curator allows.

Requests are counted in windows; the present one and the one before it are "lately". So a burst fills the pool
for the next one, and a quiet pool falls back to its minimum.

Example::

    asked_once(base_id, found=True)       # at each request
    wanted_spares(pool)                   # 8 after a burst of twenty, where the maximum is 8
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from pools.models import Pool

WINDOW = timedelta(minutes=5)


def asked_once(base_id: int, *, found: bool) -> None:
    """Counts a request where someone wanted spares to be there."""
    hit = "taken" if found else "missed"
    pool = Pool.objects.filter(base=base_id, minimum__gt=0)
    with transaction.atomic():
        if pool.exclude(window_at__gt=timezone.now() - WINDOW).exists():
            window_begun(pool)
        pool.update(**{hit: F(hit) + 1, "window_asked": F("window_asked") + 1})


def window_begun(pool: QuerySet[Pool]) -> None:
    """Where the present one is over; whoever finds that at the same time begins it once."""
    now = timezone.now()
    pool.filter(window_at__lte=now - 2 * WINDOW).update(window_asked=0)
    pool.filter(window_at__lte=now - WINDOW).update(
        window_at=now, window_before=F("window_asked"), window_asked=0
    )
    pool.filter(window_at=None).update(window_at=now)


def asked_lately(pool: Pool) -> int:
    """Requests of the busier of the two windows."""
    age = timezone.now() - pool.window_at if pool.window_at else 2 * WINDOW
    if age >= 2 * WINDOW:
        return 0
    return pool.window_asked if age >= WINDOW else max(pool.window_asked, pool.window_before)


def wanted_spares(pool: Pool) -> int:
    if not pool.minimum:
        return 0
    return min(max(pool.minimum, asked_lately(pool)), pool.maximum)
