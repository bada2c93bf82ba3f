"""The reports as tables. Each shows what its reader may see: everything, or their own and their teams'.

Example::

    REPORTS["holdings"](user, 30)      # a Table: who holds what
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils import timezone

from audit.models import AuditEntry, AuditOutcome
from bases.models import BaseImage
from clones.models import Clone, MachineHours
from cowweb.roles import audits, sees_everything
from people.models import Team
from people.rights import SEE, teams_giving

ROWS = 500
SHOWN = 12  # on the page; the rest is in the CSV
HOUR_S = 3600
REASON_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` says how its values are written (text, number, bytes, mib, hours, when, status), or where to."""

    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    title: str
    nothing: str
    columns: tuple[Column, ...]
    rows: list[list[Any]]
    drawn: int | None = None  # the column of which each row has a bar, against the largest

    @property
    def cells(self) -> list[list[dict[str, Any]]]:
        """For the page: the first rows, each value with how it is written."""
        return [
            [
                {"label": column.label, "kind": column.kind, "value": value}
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows[:SHOWN]
        ]

    @property
    def most(self) -> float:
        return max((row[self.drawn] for row in self.rows), default=0) if self.drawn is not None else 0

    @property
    def has_more(self) -> bool:
        return len(self.rows) > SHOWN


def holdings(user: User, days: int, rows: int = ROWS) -> Table:
    """Who holds what now."""
    active = Q(status__in=Clone.ACTIVE)
    grouped = (
        Clone.objects.live()
        .visible_to(user)
        .order_by()
        .values("owner", "team")
        .annotate(
            clones=Count("pk"),
            running=Count("pk", filter=active),
            memory=Sum("memory_mb", filter=active, default=0),
            taken=Sum("disk_bytes", default=0),
        )
        .order_by("-memory", "-taken", "owner", "team")
    )
    found = list(grouped[:rows])
    owners = User.objects.in_bulk([row["owner"] for row in found])
    teams = Team.objects.in_bulk([row["team"] for row in found if row["team"]])
    return Table(
        "holdings",
        "Who holds what",
        "Nobody holds a clone.",
        (
            *(
                Column("Owner", "owner"),
                Column("Team", "team"),
                Column("Clones", "number"),
                Column("Running", "number"),
            ),
            *(Column("Memory", "mib"), Column("Disk", "bytes")),
        ),
        [
            [
                *(owners[row["owner"]].username, teams[row["team"]].name if row["team"] else None),
                *(row["clones"], row["running"]),
                *(row["memory"], row["taken"]),
            ]
            for row in found
        ],
        drawn=4,
    )


def hours_seen(user: User, days: int) -> QuerySet[MachineHours]:
    """The machine hours of these days that the user may see."""
    since = timezone.localdate() - timedelta(days=days - 1)
    found = MachineHours.objects.filter(day__gte=since)
    if sees_everything(user):
        return found
    return found.filter(Q(owner_name=user.username) | Q(team__in=teams_giving(user, SEE)))


def hours(user: User, days: int, rows: int = ROWS) -> Table:
    """Hours that machines ran, by day, team and base."""
    found = (
        hours_seen(user, days)
        .values("day", "team_name", "base_name")
        .annotate(seconds=Sum("seconds"))
        .order_by("-day", "team_name", "base_name")
    )
    cells = [
        [row["day"], row["team_name"] or None, row["base_name"], round(row["seconds"] / HOUR_S, 2)]
        for row in found
    ]
    columns = (Column("Day"), Column("Team"), Column("Base"), Column("Hours", "hours"))
    return Table("hours", "Machine hours", "No machine ran in this time.", columns, cells)


def idle(user: User, days: int, rows: int = ROWS) -> Table:
    """Running machines that do nothing."""
    found = Clone.objects.idle().visible_to(user).for_list().order_by("activity__active_at")[:rows]
    cells = [
        [
            *(one.name, one.owner.username, one.team.name if one.team else None),
            *(one.revision.base.name, one.memory_mb, one.activity.active_at, one.activity.what),
        ]
        for one in found
    ]
    columns = (
        *(Column("Clone", "clone"), Column("Owner", "owner"), Column("Team", "team"), Column("Base", "base")),
        *(Column("Memory", "mib"), Column("Idle since", "when"), Column("Before that")),
    )
    return Table("idle", "Idle machines", "Every machine that runs is at work.", columns, cells)


def images(user: User, days: int, rows: int = ROWS) -> Table:
    """How old the images are that clones are made of, oldest first."""
    found = (
        BaseImage.objects.visible_to(user)
        .filter(current__isnull=False)
        .order_by("current__created_at")
        .values_list("pk", "name", "status", "current", "current__number", "current__created_at")[:rows]
    )
    shown = [base for base, *_ in found]
    live = Clone.objects.live().order_by().filter(revision__base__in=shown)
    every = Counter(dict(live.values_list("revision__base").annotate(Count("pk"))))
    newest = live.filter(revision__current_of__isnull=False)
    current = Counter(dict(newest.values_list("revision").annotate(Count("pk"))))
    now = timezone.now()
    cells: list[list[Any]] = [
        [
            *(name, f"{name}@{number}", status, made, (now - made).days),
            *(every[pk], every[pk] - current[revision]),
        ]
        for pk, name, status, revision, number, made in found
    ]
    columns = (
        *(Column("Base", "base"), Column("Revision"), Column("Status", "status"), Column("Made", "when")),
        *(Column("Days", "number"), Column("Clones", "number"), Column("On older revisions", "number")),
    )
    return Table("images", "Image age", "There is no image yet.", columns, cells, drawn=4)


def denied(user: User, days: int, rows: int = ROWS) -> Table:
    """What was refused to whom."""
    since = timezone.now() - timedelta(days=days)
    entries = AuditEntry.objects.filter(at__gte=since, outcome__result=AuditOutcome.Result.REFUSED)
    if not audits(user):
        entries = entries.filter(actor=user)
    grouped = list(
        entries.order_by()
        .values("actor_name", "action")
        .annotate(times=Count("pk"), last=Max("at"), newest=Max("pk"))
        .order_by("-times", "actor_name", "action")[:rows]
    )
    newest = [row["newest"] for row in grouped]
    reasons = dict(AuditOutcome.objects.filter(entry__in=newest).values_list("entry", "reason"))
    cells = [
        [
            *(row["actor_name"], row["action"], row["times"], row["last"]),
            reasons.get(row["newest"], "")[:REASON_CHARACTERS],
        ]
        for row in grouped
    ]
    columns = (
        *(Column("Who"), Column("Action"), Column("Times", "number"), Column("Last", "when")),
        Column("Last reason"),
    )
    return Table("denied", "Denied requests", "Nothing was refused in this time.", columns, cells, drawn=2)


class Report(Protocol):
    def __call__(self, user: User, days: int, rows: int = ROWS) -> Table: ...


REPORTS: dict[str, Report] = {
    "holdings": holdings,
    "hours": hours,
    "idle": idle,
    "images": images,
    "denied": denied,
}
