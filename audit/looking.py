"""Reading a filtered page so that it costs the same however long the record is.

What one index has in the page's order is read by it, to the record's beginning. What few entries have is
looked up among those. Anything else is looked for among the newest entries, or the `reach` before the last
look; the page says to when it looked, and looks further back when asked.

Example::

    found = looked(user, {"action": "stop", "via": "api"})      # Portion; found.floor is where the look ended
"""

from collections.abc import Mapping
from dataclasses import replace

from django.contrib.auth.models import User
from django.db.models import Q

from audit.filters import (
    Floor,
    Portion,
    entries_for,
    first_moment,
    in_days,
    last_moment,
    matching,
    number,
    portion,
    targets_with,
)
from audit.models import AuditEntry, AuditEntryQuerySet
from cowweb.roles import audits

FEW = 2_000  # entries that are looked through whatever else is asked of them
REACH, MOST_REACH = 10_000, 200_000
TOGETHER = ({"actor", "action"},)  # there is an index for both at once
NAMED = {"actor": "actor_name", "action": "action", "via": "via"}


def looked(user: User, query: Mapping[str, str]) -> Portion:
    """The page that is asked for."""
    entries, asked = entries_for(user, query), conditions(user, query)
    if in_order(asked, query):
        return portion(entries, query)
    few = next((each for each in map(few_with, asked.values()) if each is not None), None)
    if few is not None:
        return portion(entries.order_by("-at", "-pk").filter(pk__in=few), query)
    return in_reach(user, query)


def conditions(user: User, query: Mapping[str, str]) -> dict[str, Q | None]:
    """What is asked of entries, days aside; None for what no index of theirs has."""
    asked: dict[str, Q | None] = {
        name: Q(**{column: query[name]}) for name, column in NAMED.items() if query.get(name)
    }
    if query.get("target"):
        names = targets_with(query["target"])
        asked["target"] = None if names is None else Q(target__in=names)
    if query.get("outcome"):
        asked["outcome"] = None
    return asked if audits(user) else {**asked, "own": Q(actor=user)}


def in_order(asked: Mapping[str, Q | None], query: Mapping[str, str]) -> bool:
    """Whether an index has exactly these entries, in the order of the page."""
    if query.get("outcome") == "open":
        return False
    if set(asked) == {"target"}:
        names = targets_with(query["target"])
        return names is not None and len(names) <= 1
    return len(asked) <= 1 or set(asked) in TOGETHER


def few_with(condition: Q | None) -> list[int] | None:
    """The numbers of the entries with it, when they are few; read from an index alone."""
    if condition is None:
        return None
    found = AuditEntry.objects.filter(condition).order_by().values_list("pk", flat=True)[: FEW + 1]
    return list(found) if len(found) <= FEW else None


def in_reach(user: User, query: Mapping[str, str]) -> Portion:
    """Looks among so many entries, and no further."""
    reach = min(max(number(query.get("reach")) or REACH, REACH), MOST_REACH)
    before = {"before": query["before"]} if "before" in query else {}
    floor = floor_of(top(query), reach, query)
    if floor is None:
        return portion(entries_for(user, query), before)
    found = portion(above(floor, user, query), before)
    return replace(found, newer=None, floor=None if found.older else floor)


def above(floor: Floor, user: User, query: Mapping[str, str]) -> AuditEntryQuerySet:
    """The floor's own moment is the only bound below: of two, a database may take the wider one."""
    entries = in_days(matching(user, query), floor.at, last_moment(query))
    return entries.filter(Q(at__gt=floor.at) | Q(pk__gte=floor.pk), at__gte=floor.at)


def top(query: Mapping[str, str]) -> AuditEntry | None:
    """The newest entry that may be on the page."""
    entries = AuditEntry.objects.order_by("-at", "-pk")
    before, end = number(query.get("before")), last_moment(query)
    if before is not None and (found := entries.filter(pk=before).first()):
        return found
    return in_days(entries, None, end).first()


def floor_of(newest: AuditEntry | None, reach: int, query: Mapping[str, str]) -> Floor | None:
    """The last entry of the reach; None where the first day that is asked for, or the record, ends before."""
    if newest is None:
        return None
    last = AuditEntry.objects.filter(pk__lte=newest.pk - reach).order_by("-pk").first()
    first = first_moment(query)
    if last is None or (first and last.at < first):
        return None
    return Floor(last.pk, last.at, min(2 * reach, MOST_REACH))
