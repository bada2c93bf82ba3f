"""Spares that wait for one team or person: those of bases that are not open to everyone."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Count

from pools.models import Spare
from quotas.models import Quota
from quotas.usage import Holder, Used

WAITING = [Spare.Status.FILLING, Spare.Status.READY]
BASE = "template__revision__base"


def used_by(people: Collection[int], teams: Collection[int]) -> Used:
    """A base of several teams counts for each, one of no team for who made it; an open one for nobody."""
    found: dict[Holder, dict[str, int]] = defaultdict(dict)
    spares = Spare.objects.filter(status__in=WAITING, **{f"{BASE}__for_everyone": False}).order_by()
    if teams:
        column = f"{BASE}__teams"
        for pk, count in spares.filter(**{f"{column}__in": teams}).values_list(column).annotate(Count("pk")):
            found[("team", pk)][Quota.SPARES] = count
    if people:
        column = f"{BASE}__created_by"
        theirs = spares.filter(**{f"{column}__in": people, f"{BASE}__teams": None})
        for pk, count in theirs.values_list(column).annotate(Count("pk")):
            found[("user", pk)][Quota.SPARES] = count
    return found
