"""What becomes of leases with time: a warning, a stop, the bin. Run every minute, and at start.

A lease that ended while nobody looked ends at the next look, once: whoever marks its row does what follows.

Example::

    leases_looked_after(works=clones_of_runs)     # `works` names the clones that someone counts on, and why
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.services import SYSTEM, operation
from clones.activity_models import Activity
from clones.bin import bin_emptied, clone_bin
from clones.busy import busy_words
from clones.lease_models import Lease
from clones.lease_terms import lease_begun, until
from clones.leases import clone_terms
from clones.models import Clone
from clones.services import clone_stop
from cowweb.errors import DomainError
from cowweb.live import ring
from cowweb.wording import moment

logger = logging.getLogger(__name__)
Status = Clone.Status
Works = Callable[[], Mapping[int, str]]

STEP = timedelta(minutes=30)
RUNS = [Status.RUNNING, Status.PAUSED]
RESTS = [Status.STOPPED, Status.FAILED]
OVER = "Its lease ended"


def leases_looked_after(works: Works) -> int:
    """Gives, warns, ends, and empties the bin; returns how many clones that touched."""
    return (
        leases_given() + leases_warned() + leases_ended(works()) + started_again() + rested() + bin_emptied()
    )


def leases_given() -> int:
    """Clones from before there were leases begin one now."""
    without = list(Clone.objects.live().filter(lease__isnull=True).select_related("revision__base"))
    for clone in without:
        lease_begun(clone)
    return len(without)


def leases_warned() -> int:
    """Pages that show a clone whose lease is near its end say so from now on."""
    now = timezone.now()
    near = Lease.objects.filter(warn_at__lte=now, ends_at__gt=now, warned_at=None, ended_at=None)
    clones = list(near.filter(clone__in=Clone.objects.live()).values_list("clone", flat=True))
    if clones:
        Lease.objects.filter(clone__in=clones, warned_at=None).update(warned_at=now)
        ring("clones", *(f"clone.{pk}" for pk in clones))
    return len(clones)


def leases_ended(works: Mapping[int, str]) -> int:
    """Ends what is over, except where somebody or something is at work."""
    over = Lease.objects.filter(ends_at__lte=timezone.now(), ended_at=None, clone__in=Clone.objects.live())
    return sum(settled(lease, works) for lease in listed(over))


def listed(leases: QuerySet[Lease]) -> list[Lease]:
    return list(leases.select_related("clone__revision__base", "clone__team", "clone__activity"))


def settled(lease: Lease, works: Mapping[int, str]) -> bool:
    """One lease that is over: longer while its clone is at work and that is allowed, ended otherwise."""
    latest = clone_terms(lease.clone).latest(lease)
    why = at_work(lease.clone, works)
    now = timezone.now()
    if why and (latest is None or latest > now):
        return kept(lease, min(latest or now + STEP, now + STEP), why)
    return guarded(lease, partial(ended, note=f"{OVER} at its longest, while {why}" if why else OVER))


def at_work(clone: Clone, works: Mapping[int, str]) -> str:
    """Why the clone is not to be stopped now; empty when nothing speaks against it."""
    if clone.pk in works:
        return works[clone.pk]
    if clone.busy:
        return busy_words(clone)
    activity: Activity | None = getattr(clone, "activity", None)
    return activity.what if clone.status in RUNS and activity and activity.is_at_work else ""


def kept(lease: Lease, end: datetime, why: str) -> bool:
    """A small step more, written down."""
    now = timezone.now()
    note = f"It was kept until {moment(end)}, because {why}."
    with transaction.atomic():
        columns = {**until(end, now=now), "note": note, "warned_at": now, "warn_at": now}
        taken = Lease.objects.filter(pk=lease.pk, ends_at=lease.ends_at, ended_at=None).update(**columns)
        if taken:
            params = {"until": moment(end), "why": why}
            with operation(SYSTEM, "extend", target=f"clone:{lease.clone.name}", params=params):
                ring("clones", f"clone.{lease.clone_id}")
    return bool(taken)


def guarded(lease: Lease, work: Callable[[Lease], bool]) -> bool:
    """A clone that moves at this very moment is looked at again in a minute."""
    if lease.clone.status not in [*RUNS, *RESTS] or lease.clone.busy:
        return False
    try:
        with transaction.atomic():
            return work(lease)
    except DomainError as error:
        logger.info("The lease of %s waits: %s", lease.clone.name, error)
        return False


def ended(lease: Lease, note: str) -> bool:
    """The clone is stopped if it runs, and from now on waits for the bin."""
    stays = timedelta(hours=settings.COWWEB_LEASE_GRACE_HOURS)
    columns = {
        "ended_at": timezone.now(),
        "note": f"{note}. It goes to the bin on {moment(timezone.now() + stays)} unless it is extended.",
    }
    if not Lease.objects.filter(pk=lease.pk, ends_at=lease.ends_at, ended_at=None).update(**columns):
        return False
    with operation(SYSTEM, "end_lease", target=f"clone:{lease.clone.name}", params={"why": note}):
        if lease.clone.status in RUNS:
            clone_stop(clone=lease.clone, actor=SYSTEM)
        ring("clones", f"clone.{lease.clone_id}")
    return True


def started_again() -> int:
    """Whoever starts a clone whose lease ended gets another one, as long as the greatest length allows."""
    again = Lease.objects.filter(ended_at__isnull=False, clone__status=Status.RUNNING)
    return sum(guarded(lease, renewed) for lease in listed(again))


def renewed(lease: Lease) -> bool:
    terms, now = clone_terms(lease.clone), timezone.now()
    latest = terms.latest(lease)
    end = now + (terms.default or STEP)
    if latest and latest <= now:
        Lease.objects.filter(pk=lease.pk).update(ended_at=None, ends_at=latest, warn_at=latest)
        lease.refresh_from_db()
        return ended(lease, f"{OVER} at its longest")
    note = "It was started after its lease had ended, and so has another one."
    columns = {**until(min(end, latest or end), now=now), "note": note}
    return bool(Lease.objects.filter(pk=lease.pk, ended_at=lease.ended_at).update(**columns))


def rested() -> int:
    """Those that nobody extended within the grace go to the bin."""
    before = timezone.now() - timedelta(hours=settings.COWWEB_LEASE_GRACE_HOURS)
    over = Lease.objects.filter(ended_at__lte=before, clone__status__in=RESTS)
    return sum(guarded(lease, thrown) for lease in listed(over))


def thrown(lease: Lease) -> bool:
    clone_bin(clone=lease.clone, actor=SYSTEM, why="Its lease ended")
    return True
