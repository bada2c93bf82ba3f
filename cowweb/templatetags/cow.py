"""The visual language as template tags: `{% load cow %}`.

Example::

    {% status_badge clone.status clone.get_status_display %}
    {% phase_bar clone.phases %}  {% ms clone.total_ms %}  {% bytes clone.disk_bytes %}
    {% ago clone.created_at %}  {% copy clone.ssh_command "SSH command" %}  {% icon "server" %}
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from cowweb import drawing, icons, statuses, wording
from cowweb.roles import role_of

register = template.Library()
SELECTED = SafeString(" selected")
# One phase of the bar
PART = '<rect class="ph ph-{} ph-{}" x="{}%" width="{}%" y="-2" height="14"><title>{}</title></rect>'


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    return icons.svg(name, extra)


@register.simple_tag
def status_badge(status: str, label: str = "", kind: str = "") -> SafeString:
    """Icon, word and colour; `kind="work"` for runs, jobs and phases."""
    return badge(str(status), str(label), kind)


@lru_cache(maxsize=512)
def badge(status: str, label: str, kind: str) -> SafeString:
    """A page of rows has few that differ."""
    name, tone = statuses.look(status, kind)
    word = label or status.replace("_", " ").capitalize()
    return format_html('<span class="status status-{}">{}<span>{}</span></span>', tone, icons.svg(name), word)


@register.inclusion_tag("parts/phase_bar.html")
def phase_bar(phases: Iterable[object], legend: str = "full") -> dict[str, Any]:
    """Where the milliseconds went. `legend`: "full" or "none"."""
    found = drawing.segments(phases or [])
    return {
        "segments": found,
        "drawn": phases_drawn(found),
        "legend": legend,
        "total": total_ms(found),
        "under_way": any(segment.state == "running" for segment in found),
    }


@register.simple_tag
def phase_line(phases: Iterable[object]) -> SafeString:
    """The bar with its sum, for rows: without a template of its own, as there are many on a page."""
    return line_drawn(tuple(drawing.segments(phases or [])))


@lru_cache(maxsize=2048)
def line_drawn(found: tuple[drawing.Segment, ...]) -> SafeString:
    """A list is drawn again whenever one of its rows changes."""
    return format_html(
        '<div class="phases phases-compact">{}<span class="phase-sum">{}</span></div>',
        phases_drawn(found),
        ms(total_ms(found)),
    )


def total_ms(segments: Sequence[drawing.Segment]) -> float | None:
    """None while nothing of it is known."""
    known = [segment.ms for segment in segments if segment.ms is not None]
    return sum(known) if known else None


def phases_drawn(segments: Sequence[drawing.Segment]) -> SafeString:
    """The bar alone; what it shows is said to screen readers, and each part's on hover."""
    said = [f"{segment.label} {segment.words}" for segment in segments]
    parts = (
        (segment.name, segment.state, segment.x, segment.width, words)
        for segment, words in zip(segments, said, strict=True)
        if segment.width
    )
    return format_html(
        '<svg class="phase-bar" width="100%" height="10" role="img" aria-label="{}">'
        '<rect class="phase-track" width="100%" height="10" />{}</svg>',
        ", ".join(said) or "no phases yet",
        format_html_join("", PART, parts),
    )


@register.simple_tag(name="bytes")
def bytes_tag(count: float | None) -> SafeString:
    """A human size, the exact one on hover."""
    if count is None:
        return format_html('<span class="num">{}</span>', wording.UNKNOWN)
    return format_html('<span class="num" title="{} bytes">{}</span>', f"{count:,.0f}", wording.size(count))


@register.simple_tag
def mib(count: float | None) -> SafeString:
    """The same for a number of MiB, as memory is kept."""
    return bytes_tag(None if count is None else count * drawing.MIB)


@register.simple_tag
def ms(count: float | None) -> SafeString:
    """A duration, the exact milliseconds on hover."""
    if count is None:
        return format_html('<span class="num">{}</span>', wording.UNKNOWN)
    return format_html('<span class="num" title="{} ms">{}</span>', f"{count:,.1f}", wording.duration(count))


@register.simple_tag
def counting(since: datetime | None) -> SafeString:
    """A duration that counts up in the browser."""
    if since is None:
        return ms(None)
    passed = (timezone.now() - since).total_seconds() * 1000
    return format_html(
        '<span class="num counting" data-counting-since="{}">{}</span>',
        int(since.timestamp() * 1000),
        wording.duration(max(passed, 0)),
    )


@register.simple_tag
def ago(then: datetime | None) -> SafeString:
    """Relative time, the absolute one on hover; kept fresh by app.js."""
    if then is None:
        return format_html('<span class="num">{}</span>', wording.UNKNOWN)
    local = timezone.localtime(then)
    return format_html(
        '<time class="num" datetime="{}" title="{}" data-ago>{}</time>',
        local.isoformat(timespec="seconds"),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        wording.ago(then, timezone.now()),
    )


@register.simple_tag
def copy(text: object, label: str = "") -> SafeString:
    """A button that copies the text; nothing where there is nothing to copy."""
    if text in (None, ""):
        return SafeString()
    return format_html(
        '<button type="button" class="copy" data-copy="{}" aria-label="Copy {}">{}{}</button>',
        text,
        label,
        icons.svg("copy", "copy-idle"),
        icons.svg("check", "copy-done"),
    )


@register.inclusion_tag("parts/layers.html")
def layers(sheets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Stacked sheets, top one first: each a dict of `name`, `kind` (clone, template, base), `actual` and
    `virtual` bytes, and optionally `url` and `note`."""
    return drawing.stack(sheets or [])


@register.inclusion_tag("parts/layers.html")
def clone_layers(clone: Any) -> dict[str, Any]:
    """A clone's own sheet, its ancestors', and its base's."""
    return drawing.stack(drawing.sheets_of(clone))


@register.inclusion_tag("parts/layers.html")
def asked_layers(base: Any) -> dict[str, Any]:
    """The clone that would be made, over the base it would stand on."""
    return drawing.stack(drawing.sheets_asked(base))


@register.simple_tag
def options(choices: Iterable[tuple[object, object]], chosen: object = None) -> SafeString:
    """The options of a select, without a template's loop: there may be many."""
    return format_html_join(
        "\n",
        '<option value="{}"{}>{}</option>',
        ((value, SELECTED if value == chosen else "", label) for value, label in choices),
    )


@register.simple_tag
def phase_look(state: str) -> dict[str, str]:
    """Icon and tone of a phase's state, for the rail."""
    name, tone = statuses.look(state, "work")
    return {"icon": name, "tone": tone}


@register.inclusion_tag("parts/bar.html")
def used_bar(free: float, most: float, label: str) -> dict[str, Any]:
    """What is used, from what is free."""
    used = max(float(most or 0) - float(free or 0), 0)
    return bar(used, most, f"{label}: {wording.size(used)} of {wording.size(most)} used")


@register.inclusion_tag("parts/bar.html")
def bar(value: float, most: float, label: str, tone: str = "") -> dict[str, Any]:
    """A capacity bar; `label` is said to screen readers. Its tone follows its fullness by default."""
    share = min(100 * float(value or 0) / float(most), 100) if most else 0
    if not tone:
        tone = "bad" if share >= 95 else "warn" if share >= 80 else "accent"
    return {"share": round(share, 2), "label": label, "tone": tone}


@register.simple_tag
@lru_cache(maxsize=64)
def way_mark(way: str, label: str) -> SafeString:
    """How a clone came to run, as a small mark; its words are on hover and for screen readers."""
    return format_html(
        '<span class="way way-ink-{}" title="{}">{}<span class="visually-hidden">{}</span></span>',
        way,
        label,
        icons.svg(statuses.WAYS.get(way, statuses.UNKNOWN[0])),
        label,
    )


@register.simple_tag
def seconds(count: float | None) -> SafeString:
    """The same for a number of seconds."""
    return ms(None if count is None else count * wording.SECOND_MS)


@register.filter
def lease_hours(hours: int | None) -> str:
    """Such as `7 days` or `36 h`; 0 is for ever."""
    return wording.days_or_hours(hours) if hours else "no end"


@register.filter
def site_role(user: User) -> str:
    """What the person is on the whole site."""
    return str(role_of(user))


@register.filter
def duration(count: float | None) -> str:
    """The words alone, for attributes."""
    return wording.duration(count)


@register.filter
def short_digest(digest: str) -> str:
    return str(digest or "")[:12]


@register.simple_tag
def server_now() -> int:
    """The server's clock in ms, so that the browser's counters do not depend on its own."""
    return int(timezone.now().timestamp() * 1000)


@register.inclusion_tag("parts/nav_item.html", takes_context=True)
def nav_item(
    context: template.Context,
    url_name: str,
    label: str,
    icon_name: str,
    waiting: int | str = "",
    what: str = "thing",
) -> dict[str, Any]:
    """A link of the rail, marked where the current page lies below it. `waiting`: how many of `what` ask for
    a decision there."""
    url, path = reverse(url_name), getattr(context.get("request"), "path", "")
    active = path == url or (url != "/" and path.startswith(url))
    shown = {"url": url, "label": label, "icon_name": icon_name, "active": active}
    return {**shown, "waiting": waiting, "what": what}


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """The page's query (`query` of the context, else the address's) with these keys changed; None removes."""
    kept = context.get("query")
    if not isinstance(kept, Mapping):
        request = context.get("request")
        kept = request.GET.dict() if request is not None else {}
    merged = {**kept, **changes}
    return "?" + urlencode({key: value for key, value in merged.items() if value is not None})


@register.simple_tag
def completed(text: str, completion: object, option: str) -> str:
    """The command line with a suggestion taken."""
    start = int(drawing.attribute(completion, "start") or 0)
    return f"{text[:start]}{option}"
