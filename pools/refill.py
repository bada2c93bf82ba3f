"""Keeping pools as their curators wish: at least so many, more while more are asked for, none too old.

Example::

    pools_refilled()      # one look at every pool; missing spares are asked for, one at a time
"""

from datetime import timedelta

from django.utils import timezone

from cowweb.errors import HostFullError, QuotaError
from pools.demand import wanted_spares
from pools.models import Pool, Spare, Template
from pools.services import template_for, template_wanted
from pools.spares import spare_filled, spare_wanted, spares_given_up

Status = Spare.Status
MINUTE = timedelta(minutes=1)
AFTER_FAILURE = timedelta(seconds=30)
TOO_OLD = "it was older than the pool's age limit"
OTHER_TEMPLATE = "it was of an older template"
NOT_NEEDED = "fewer were asked for than before"


def pools_refilled() -> int:
    """One look at every pool: old spares go, missing ones are asked for. Returns how many were."""
    return sum(pool_refilled(pool) for pool in Pool.objects.select_related("base__current"))


def pool_refilled(pool: Pool) -> int:
    """Asks for one spare at a time, at the rate the curator set, so that filling never crowds the host."""
    ready = Spare.objects.filter(template__revision__base=pool.base_id, status=Status.READY)
    if not pool.minimum and not ready.exists():
        return 0
    template, wanted, now = usual_template(pool), wanted_spares(pool), timezone.now()
    spares_given_up(ready.filter(ready_at__lt=now - timedelta(seconds=pool.age_limit_s)), TOO_OLD)
    spares_given_up(ready.exclude(template=template) if template else ready, OTHER_TEMPLATE)
    spares_given_up(ready.order_by("-pk")[wanted:], NOT_NEEDED)
    if template is None:
        template_begun(pool)
        return 0
    if not may_fill(pool, template, wanted):
        return 0
    try:
        spare_wanted(template)
    except (HostFullError, QuotaError):
        return 0  # as soon as there is room again
    return 1


def template_begun(pool: Pool) -> None:
    """A revision that became the current one has its template built before anyone asks for a clone of it. One
    that failed, or that a curator retired, is left to the next clone or to a curator."""
    base = pool.base
    if base.current is None or not base.current.is_cloned or not pool.minimum:
        return
    machine = {"memory_mb": base.memory_mb, "cpus": base.cpus}
    if not base.current.templates.filter(**machine).exists():
        template_wanted(base.current, **machine)


def may_fill(pool: Pool, template: Template, wanted: int) -> bool:
    """Whether one is missing, none is on its way, and neither rate nor a fresh failure speaks against it."""
    spares, now = template.spares.all(), timezone.now()
    if spares.filter(status=Status.FILLING).exists() or spares.filter(status=Status.READY).count() >= wanted:
        return False
    failed = spares.filter(status=Status.DISCARDED, ready_at=None, created_at__gte=now - AFTER_FAILURE)
    return (
        not failed.exists() and spares.filter(created_at__gte=now - MINUTE).count() < pool.refill_per_minute
    )


def usual_template(pool: Pool) -> Template | None:
    """The ready template of the base's usual machine, if the QEMU of today can go on from it."""
    base = pool.base
    if base.current is None or not base.current.is_cloned:
        return None
    return template_for(base.current, memory_mb=base.memory_mb, cpus=base.cpus)


def spare_filled_on(spare_id: int) -> None:
    """Fills a spare. The next follows at once, so that the rate is the curator's, not that of our looking."""
    spare_filled(spare_id)
    base = Spare.objects.get(pk=spare_id).template.revision.base_id
    for pool in Pool.objects.filter(base=base).select_related("base__current"):
        pool_refilled(pool)
