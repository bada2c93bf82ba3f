"""One value of a report, as its column says: `{% load reports %}{% report_cell cell %}`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from cowweb.templatetags.cow import ago, bar, bytes_tag, mib, status_badge
from cowweb.wording import UNKNOWN
from reports.tables import Table

register = template.Library()
PART = '<rect class="hue-{}" x="{}%" y="{}" width="{}%" height="{}" />'
NOTHING = format_html('<span class="faint">{}</span>', UNKNOWN)


def link(view: str) -> Callable[[str], SafeString]:
    return lambda name: format_html('<a href="{}">{}</a>', reverse(view, args=[name]), name)


def clones_of(kind: str) -> Callable[[str], SafeString]:
    """To the clones of a person or team."""
    path = reverse_lazy("clone-list")
    return lambda name: format_html('<a href="{}?whose={}:{}">{}</a>', path, kind, quote(name), name)


@register.filter
def hours_words(spent: float) -> str:
    """Hours, or minutes as long as there is no whole one."""
    if spent >= 100:
        return f"{spent:,.0f} h"
    return f"{spent:.1f} h" if spent >= 1 or not spent else f"{max(round(spent * 60), 1)} min"


WRITTEN: Mapping[str, Callable[[Any], SafeString]] = {
    "bytes": bytes_tag,
    "mib": mib,
    "when": ago,
    "hours": lambda spent: format_html('<span class="num">{}</span>', hours_words(spent)),
    "number": lambda count: format_html('<span class="num">{}</span>', count),
    "clone": link("clone-detail"),
    "base": link("base-detail"),
    "owner": clones_of("user"),
    "team": clones_of("team"),
    "status": lambda status: status_badge(status, status.capitalize()),
    "text": lambda text: format_html("<span>{}</span>", text),
}


@register.simple_tag
def report_cell(cell: Mapping[str, Any]) -> SafeString:
    """`cell` has its column's kind, and the value."""
    value = cell["value"]
    return NOTHING if value is None or value == "" else WRITTEN[cell["kind"]](value)


@register.simple_tag
def day_columns(days: Iterable[Mapping[str, Any]]) -> SafeString:
    """Each day's column, its parts from the ground up; what it holds is said on hover."""
    return format_html_join("", "{}", ((day_column(day),) for day in days if day["parts"]))


def day_column(day: Mapping[str, Any]) -> SafeString:
    parts = ((part["colour"], day["x"], part["y"], day["width"], part["height"]) for part in day["parts"])
    title = f"{day['day'].isoformat()}: {hours_words(day['hours'])}"
    return format_html("<g><title>{}</title>{}</g>", title, format_html_join("", PART, parts))


@register.inclusion_tag("parts/bar.html")
def report_bar(table: Table, row: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The row's measure against the largest of the report."""
    assert table.drawn is not None
    cell = row[table.drawn]
    return bar(cell["value"], table.most, f"{cell['label']}, of the most", "accent")
