"""How long people's and teams' runs took this month. One that has not ended counts with its time limit, so
that what is begun can be ended within the quota."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from provisioning.models import Run
from quotas.checking import Charge, checked
from quotas.models import Quota
from quotas.usage import Holder, Used

MINUTE_S = 60


def month_began() -> datetime:
    """Quotas of minutes begin anew on the first of the month, in the site's time zone."""
    return timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def used_by(people: Collection[int], teams: Collection[int]) -> Used:
    seconds: dict[Holder, float] = defaultdict(float)
    runs = Run.objects.filter(
        Q(created_at__gte=month_began()) | Q(ended_at=None) | Q(ended_at__gte=month_began())
    )
    runs = runs.filter(Q(owner__in=people) | Q(clone__team__in=teams)).order_by()
    columns = ("owner", "clone__team", "timeout_s", "spent_s", "started_at", "ended_at")
    for owner, team, timeout_s, spent_s, started_at, ended_at in runs.values_list(*columns):
        took_s = spent_s + attempt_s(timeout_s, started_at, ended_at)
        if owner in people:
            seconds[("user", owner)] += took_s
        if team in teams:
            seconds[("team", team)] += took_s
    return {holder: {Quota.RUN_MINUTES: minutes(took_s)} for holder, took_s in seconds.items()}


def attempt_s(timeout_s: int, started_at: datetime | None, ended_at: datetime | None) -> float:
    """What the run's last attempt takes of the month."""
    if ended_at is None:
        return timeout_s
    begun = max(started_at, month_began()) if started_at else ended_at
    return max((ended_at - begun).total_seconds(), 0)


def minutes(seconds: float) -> int:
    """Begun minutes."""
    return -int(-seconds // MINUTE_S)


def minutes_checked(run: Run) -> None:
    """In the transaction that queues the run."""
    team = run.clone.team_id if run.clone else None
    asked: dict[str, int] = {Quota.RUN_MINUTES: minutes(run.timeout_s)}
    checked([Charge(user=run.owner_id, team=team, amounts=asked)])
