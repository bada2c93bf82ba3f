"""Looks at what the machines do, so that idle ones are found and busy ones left alone; counts their hours.

Run every minute. What happened while nobody looked is told by the sums since the last look.

Example::

    machines_looked_at()     # 12
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from clones.activity_models import Activity, MachineHours
from clones.models import Clone
from clones.specs import record_of
from cowweb.live import ring
from hosts.drivers.records import Activity as Seen
from hosts.services import local_driver

QUIET_BYTES = 4096  # between two looks; names are looked up and clocks are set without anybody's work


def machines_looked_at() -> int:
    """Takes down what each machine did since the last look; returns how many run."""
    machines = Clone.objects.active().filter(record__isnull=False)
    clones = list(machines.select_related("owner", "team", "revision__base", "activity"))
    seen = local_driver().activity([record_of(clone) for clone in clones])
    for clone in clones:
        found = seen.get(record_of(clone).uuid)
        if found:
            looked_at(clone, found, timezone.now())
    return len(seen)


def looked_at(clone: Clone, seen: Seen, now: datetime) -> None:
    """One machine's look. Of two processes that look at once, one counts."""
    record = record_of(clone)
    start = f"{record.boot_id} {record.pid} {record.started_ticks}"
    before: Activity | None = getattr(clone, "activity", None)
    if before is None or before.start != start:
        begun(clone, seen, start, now)
        return
    seconds = (now - before.looked_at).total_seconds()
    if seconds <= 0:
        return
    percent = 100 * max(seen.cpu_s - before.cpu_s, 0) / seconds
    what = reason(seen, percent, abs(seen.traffic_bytes - before.traffic_bytes))
    was_idle = before.is_idle
    with transaction.atomic():
        taken = Activity.objects.filter(pk=before.pk, looked_at=before.looked_at).update(
            looked_at=now,
            active_at=now if what else F("active_at"),
            **({"what": what} if what else {}),
            cpu_percent=percent,
            **sums(seen),
        )
        if taken:
            hours_counted(clone, before.looked_at, now)
    before.active_at = now if what else before.active_at
    if before.is_idle != was_idle:
        ring("clones", f"clone.{clone.pk}")


def begun(clone: Clone, seen: Seen, start: str, now: datetime) -> None:
    """The first look at a machine: it was started by somebody just now."""
    since = min(clone.started_at or now, now)
    with transaction.atomic():
        Activity.objects.update_or_create(
            clone=clone,
            defaults={
                "start": start,
                "looked_at": now,
                "active_at": since,
                "what": "it was started",
                "cpu_percent": 0,
                **sums(seen),
            },
        )
        hours_counted(clone, since, now)


def sums(seen: Seen) -> dict[str, float]:
    return {"cpu_s": seen.cpu_s, "traffic_bytes": seen.traffic_bytes, "sessions": seen.sessions}


def reason(seen: Seen, percent: float, carried: int) -> str:
    """What the machine is at work with; empty when it only waits."""
    if seen.sessions:
        many = seen.sessions > 1
        return f"{seen.sessions} connections to it are open" if many else "a connection to it is open"
    if percent >= settings.COWWEB_IDLE_CPU_PERCENT:
        return f"it uses {percent:.0f} % of a processor"
    return "there is traffic" if carried > QUIET_BYTES else ""


def hours_counted(clone: Clone, since: datetime, now: datetime) -> None:
    """Adds the time to its days, also where nobody looked over midnight."""
    for day, seconds in days(timezone.localtime(since), timezone.localtime(now)):
        row, _ = MachineHours.objects.get_or_create(
            day=day,
            owner_name=clone.owner.username,
            team_name=clone.team.name if clone.team else "",
            base_name=clone.revision.base.name,
            defaults={"team": clone.team},
        )
        MachineHours.objects.filter(pk=row.pk).update(seconds=F("seconds") + seconds)


def days(since: datetime, now: datetime) -> Iterable[tuple[date, float]]:
    """The seconds of each day between two moments."""
    spent: dict[date, float] = defaultdict(float)
    while since < now:
        midnight = since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        end = min(midnight, now)
        spent[since.date()] += (end - since).total_seconds()
        since = end
    return spent.items()
