"""Entries by filters, and portions of them that cost the same however long the record is.

A portion is found by where the one before ended (`before`, `after`: numbers of entries), never by counting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date

from audit.models import AuditEntry, AuditEntryQuerySet, Name
from cowweb.roles import audits

PAGE_ROWS = 50
EXPORT_ROWS = 1000
FILTERS = ("since", "until", "actor", "action", "target", "outcome", "via")
OPEN_DAYS = 7  # what is under way was asked for not long ago
MOST_NAMES = 500
MOST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Floor:
    """The last entry that was looked at, and how far the next look reaches."""

    pk: int
    at: datetime
    reach: int


@dataclass(frozen=True, slots=True)
class Portion:
    """Entries, newest first, and the entries from which the pages beside begin."""

    entries: list[AuditEntry]
    newer: int | None = None
    older: int | None = None
    floor: Floor | None = None  # where the look ended, when there may be more before


def entries_for(user: User, query: Mapping[str, str]) -> AuditEntryQuerySet:
    """The entries a user may see: all for auditors, otherwise their own; filtered as asked."""
    return in_days(matching(user, query), first_moment(query), last_moment(query))


def matching(user: User, query: Mapping[str, str]) -> AuditEntryQuerySet:
    """The same of any day."""
    entries = AuditEntry.objects.for_list()
    if not audits(user):
        entries = entries.filter(actor=user)
    for name, lookup in (("actor", "actor_name"), ("action", "action"), ("via", "via")):
        if query.get(name):
            entries = entries.filter(**{lookup: query[name]})
    if query.get("target"):
        entries = about(entries, query["target"])
    return with_outcome(entries, query.get("outcome", ""))


def about(entries: AuditEntryQuerySet, text: str) -> AuditEntryQuerySet:
    """Whose target has the text."""
    names = targets_with(text)
    return entries.filter(target__contains=text) if names is None else entries.filter(target__in=names)


def targets_with(text: str) -> list[str] | None:
    """The targets with the text, by the names in the record, which are fewer than its entries. None for too
    many; one that is the text is meant alone."""
    names = Name.objects.filter(kind=Name.Kind.TARGET)
    if names.filter(text=text).exists():
        return [text]
    found = names.filter(text__contains=text).order_by("text").values_list("text", flat=True)
    listed = list(found[: MOST_NAMES + 1])
    return listed if len(listed) <= MOST_NAMES else None


def with_outcome(entries: AuditEntryQuerySet, outcome: str) -> AuditEntryQuerySet:
    if outcome == "open":
        return entries.filter(outcome=None)
    if outcome:
        # in the order of the outcomes' index, which is the same one
        entries = entries.filter(outcome__result=outcome).order_by("-outcome__asked_at", "-pk")
    return entries


def in_days(entries: AuditEntryQuerySet, first: datetime | None, end: datetime | None) -> AuditEntryQuerySet:
    """Bound by the column that they are in the order of, so that one index has both."""
    column = ordered_by(entries)
    if first:
        entries = entries.filter(**{f"{column}__gte": first})
    return entries.filter(**{f"{column}__lt": end}) if end else entries


def ordered_by(entries: AuditEntryQuerySet) -> str:
    return str(entries.query.order_by[0]).lstrip("-")


def first_moment(query: Mapping[str, str]) -> datetime | None:
    """Of the first day; of a week ago for what is under way, where no day is named."""
    recent = timezone.now() - timedelta(days=OPEN_DAYS) if query.get("outcome") == "open" else None
    return day(query.get("since", "")) or recent


def last_moment(query: Mapping[str, str]) -> datetime | None:
    """The end of the last day."""
    last = day(query.get("until", ""))
    return last + timedelta(days=1) if last else None


def day(text: str) -> datetime | None:
    try:
        date = parse_date(text)
    except ValueError:
        return None
    return datetime(date.year, date.month, date.day, tzinfo=UTC) if date else None


def number(text: str | None) -> int | None:
    found = int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None
    return found if found is None or found <= MOST_NUMBER else None


def portion(entries: AuditEntryQuerySet, query: Mapping[str, str], rows: int = PAGE_ROWS) -> Portion:
    """The newest entries, or those right before or after an entry."""
    before, after = number(query.get("before")), number(query.get("after"))
    if after is not None and (newer := beyond(entries, after, newer=True)) is not None:
        found = list(newer.reverse()[: rows + 1])
        if len(found) <= rows:
            return portion(entries, {}, rows)  # fewer than a page: the first page it is
        shown = found[:rows][::-1]
        return Portion(shown, shown[0].pk, shown[-1].pk)
    older = beyond(entries, before, newer=False) if before is not None else None
    found = list((entries if older is None else older)[: rows + 1])
    shown = found[:rows]
    return Portion(
        shown,
        shown[0].pk if older is not None and shown else None,
        shown[-1].pk if len(found) > rows else None,
    )


def beyond(entries: AuditEntryQuerySet, pk: int, *, newer: bool) -> AuditEntryQuerySet | None:
    """The entries on one side of another, as a range that an index has; None where that one is gone."""
    at = AuditEntry.objects.filter(pk=pk).values_list("at", flat=True).first()
    if at is None:
        return None
    ordered = ordered_by(entries)
    side = "gt" if newer else "lt"
    same = Q(**{f"{ordered}__{side}": at}) | Q(**{f"pk__{side}": pk})
    return entries.filter(same, **{f"{ordered}__{side}e": at})


def all_of(entries: AuditEntryQuerySet) -> Iterator[AuditEntry]:
    """Every entry, in portions: for exports."""
    part = portion(entries, {}, EXPORT_ROWS)
    while True:
        yield from part.entries
        if part.older is None:
            return
        part = portion(entries, {"before": str(part.older)}, EXPORT_ROWS)
