"""Rows of the record: `{% load audit %}{% entry_rows entries %}`."""

from collections.abc import Iterable

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from audit.models import AuditEntry
from cowweb.drawn import drawn, key_of

register = template.Library()


@register.simple_tag
def entry_rows(entries: Iterable[AuditEntry]) -> SafeString:
    """Drawn once for everyone: what is on record stays as it is, until its outcome comes."""
    return drawn({row_key(entry): entry for entry in entries}, row)


def row_key(entry: AuditEntry) -> str:
    outcome = getattr(entry, "outcome", None)
    return key_of("audit_entry", entry.pk, entry.hash, outcome and outcome.hash, entry.run_number)


def row(entry: AuditEntry) -> str:
    return render_to_string("audit/_entry.html", {"entry": entry})
