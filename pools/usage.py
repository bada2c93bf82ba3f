"""Spares: whose they are, where their base is not open to everyone, and the machines that they are."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Count

from bases.models import BaseImage
from cowweb.errors import QuotaError
from hosts.capacity import Machine, room_checked
from pools.models import Spare, Template
from quotas.checking import Charge, checked
from quotas.limits import limits_of
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


def machines() -> list[Machine]:
    """Spares that wait, and templates that are being built."""
    columns = ("uuid", BASE, "template__memory_mb", "template__cpus", "record")
    spares = Spare.objects.filter(status__in=WAITING).values_list(*columns)
    building = Template.objects.filter(status=Template.Status.BUILDING)
    built = building.values_list("uuid", "revision__base", "memory_mb", "cpus")
    return [Machine(uuid.hex, *facts) for uuid, *facts in [*spares, *built]]


def spare_checked(spare: Spare) -> None:
    """In the transaction that asks for it: whose spare it is has the quota, and the host the room."""
    base, template = spare.template.revision.base, spare.template
    if not base.for_everyone:
        teams = list(base.teams.values_list("pk", flat=True))
        one: dict[str, int] = {Quota.SPARES: 1}
        charges = [Charge(team=team, amounts=one) for team in teams]
        checked(charges or [Charge(user=base.created_by_id, amounts=one)])
    room_checked([Machine(spare.uuid.hex, base.pk, template.memory_mb, template.cpus)], base.name)


def spares_allowed(base: BaseImage, minimum: int) -> None:
    """Refuses a promise of spares that the quota of those whom the base is for would not let be kept."""
    if base.for_everyone:
        return
    holders: list[Holder] = [("team", pk) for pk in base.teams.values_list("pk", flat=True)]
    if not holders and base.created_by_id:
        holders = [("user", base.created_by_id)]
    for limits in limits_of(holders).values():
        most = limits[Quota.SPARES].most
        if most is not None and minimum > most:
            raise QuotaError(f"minimum={minimum} is more than the quota of {most} spares", field="minimum")
