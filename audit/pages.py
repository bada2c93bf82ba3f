"""What the audit page shows: filters, and portions of the record that cost the same however long it is.

A portion is found by where the one before ended (`before`, `after`: numbers of entries), never by counting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date

from audit.models import AuditEntry, AuditEntryQuerySet, AuditOutcome, ChainHead, Name, SavedView, Via
from audit.streams import in_use
from cowweb.roles import audits

PAGE_ROWS = 50
EXPORT_ROWS = 1000
FILTERS = ("since", "until", "actor", "action", "target", "outcome", "via")
OPEN_DAYS = 7  # what is under way was asked for not long ago
MOST_NAMES = 500
MOST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Portion:
    """Entries, newest first, and the entries from which the pages beside begin."""

    entries: list[AuditEntry]
    newer: int | None = None
    older: int | None = None


def entries_for(user: User, query: Mapping[str, str]) -> AuditEntryQuerySet:
    """The entries a user may see: all for auditors, otherwise their own; filtered as asked."""
    entries = AuditEntry.objects.for_list()
    if not audits(user):
        entries = entries.filter(actor=user)
    for name, lookup in (("actor", "actor_name"), ("action", "action"), ("via", "via")):
        if query.get(name):
            entries = entries.filter(**{lookup: query[name]})
    if query.get("target"):
        entries = about(entries, query["target"])
    return in_days(with_outcome(entries, query), query.get("since", ""), query.get("until", ""))


def about(entries: AuditEntryQuerySet, text: str) -> AuditEntryQuerySet:
    """Whose target has the text. Which targets those are, the names say: they are fewer than the entries."""
    names = Name.objects.filter(kind=Name.Kind.TARGET)
    if names.filter(text=text).exists():
        return entries.filter(target=text)
    found = list(
        names.filter(text__contains=text).order_by("text").values_list("text", flat=True)[:MOST_NAMES]
    )
    if len(found) == MOST_NAMES:
        return entries.filter(target__contains=text)
    return entries.filter(target=found[0]) if len(found) == 1 else entries.filter(target__in=found)


def with_outcome(entries: AuditEntryQuerySet, query: Mapping[str, str]) -> AuditEntryQuerySet:
    outcome = query.get("outcome", "")
    if outcome == "open":
        recent = timezone.now() - timedelta(days=OPEN_DAYS)
        return entries.filter(outcome=None, **({} if day(query.get("since", "")) else {"at__gte": recent}))
    if outcome:
        # in the order of the outcomes' index, which is the same one
        entries = entries.filter(outcome__result=outcome).order_by("-outcome__asked_at", "-pk")
    return entries


def in_days(entries: AuditEntryQuerySet, since: str, until: str) -> AuditEntryQuerySet:
    """From the first day to the last, both included."""
    first, last = day(since), day(until)
    if first:
        entries = entries.filter(at__gte=first)
    if last:
        entries = entries.filter(at__lt=last + timedelta(days=1))
    return entries


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
    ordered = str(entries.query.order_by[0]).lstrip("-")
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


def list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    kept = {key: query[key] for key in FILTERS if query.get(key)}
    found = portion(entries_for(user, query), query)
    return {
        "portion": found,
        "entries": found.entries,
        "query": kept,
        "at_start": "before" not in query and "after" not in query,
        "actions": Name.objects.filter(kind=Name.Kind.ACTION).order_by("text").values_list("text", flat=True),
        "outcomes": [*AuditOutcome.Result.choices, ("open", "Under way")],
        "doors": Via.choices,
        "views": SavedView.objects.filter(user=user),
        "ranges": ranges(kept),
        "head": ChainHead.objects.filter(pk=1).first(),
        "streams": in_use() if audits(user) else [],
        "sees_all": audits(user),
        "live_path": "/ws/audit/",
    }


def ranges(kept: Mapping[str, str]) -> list[dict[str, Any]]:
    """The days most asked for, one click each."""
    today = timezone.now().date()
    named = (("Today", 0), ("7 days", 6), ("30 days", 29), ("Any time", None))
    made = []
    for words, days in named:
        since = "" if days is None else (today - timedelta(days=days)).isoformat()
        chosen = kept.get("since", "") == since and not kept.get("until")
        made.append({"words": words, "since": since or None, "chosen": chosen})
    return made
