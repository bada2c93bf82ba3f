"""What the audit page shows."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from audit.filters import FILTERS, Portion
from audit.looking import looked
from audit.models import AuditOutcome, ChainHead, Name, SavedView, Via
from audit.streams import in_use
from cowweb.roles import audits

logger = logging.getLogger(__name__)


def list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    kept = {key: query[key] for key in FILTERS if query.get(key)}
    found = readable(user, query)
    return {
        "portion": found or Portion([]),
        "entries": found.entries if found else [],
        "unreadable": found is None,
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


def readable(user: User, query: Mapping[str, str]) -> Portion | None:
    """None where a row among them was changed to what no database of ours writes; verification names it."""
    try:
        return looked(user, query)
    except (TypeError, ValueError):
        logger.exception("Entries of the record cannot be read")
        return None


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
