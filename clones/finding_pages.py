"""What the page of findings shows: the same for the full page and its live part."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator

from cowweb.roles import administers
from hosts.findings import waiting_count
from hosts.models import Finding, Host

PAGE_ROWS = 20


def findings_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of findings; those that are over only where they are asked for."""
    findings = Finding.objects.for_list()
    state, kind = query.get("state", ""), query.get("kind", "")
    if state:
        findings = findings.filter(state=state)
    if kind:
        findings = findings.filter(kind=kind)
    page = Paginator(findings, PAGE_ROWS).get_page(query.get("page"))
    return {
        "page": page,
        "findings": page.object_list,
        "query": {key: query[key] for key in ("state", "kind") if query.get(key)},
        "states": Finding.State.choices,
        "kinds": Finding.Kind.choices,
        "host": Host.objects.order_by("pk").first(),
        "waiting": waiting_count(),
        "decides": administers(user),
        "live_path": "/ws/findings/",
    }
