"""What the audit page shows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.utils.dateparse import parse_date

from audit.models import AuditEntry, AuditEntryQuerySet, AuditOutcome
from cowweb.roles import audits

PAGE_ROWS = 50
FILTERS = ("since", "until", "actor", "action", "target", "outcome")


def entries_for(user: User, query: Mapping[str, str]) -> AuditEntryQuerySet:
    """The entries a user may see: all for auditors, otherwise their own; filtered as asked."""
    entries = AuditEntry.objects.for_list()
    if not audits(user):
        entries = entries.filter(actor=user)
    for name, lookup in (("actor", "actor_name"), ("action", "action"), ("target", "target__contains")):
        if query.get(name):
            entries = entries.filter(**{lookup: query[name]})
    outcome = query.get("outcome", "")
    if outcome:
        entries = (
            entries.filter(outcome=None) if outcome == "open" else entries.filter(outcome__result=outcome)
        )
    return in_days(entries, query.get("since", ""), query.get("until", ""))


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


def list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    page = Paginator(entries_for(user, query), PAGE_ROWS).get_page(query.get("page"))
    return {
        "page": page,
        "entries": page.object_list,
        "query": {key: query[key] for key in FILTERS if query.get(key)},
        "actions": sorted(set(AuditEntry.objects.order_by().values_list("action", flat=True).distinct())),
        "outcomes": [*AuditOutcome.Result.choices, ("open", "Under way")],
        "live_path": "/ws/audit/",
    }
