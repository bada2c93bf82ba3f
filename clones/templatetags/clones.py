"""What the pages of bases and hosts show of clones: `{% load clones %}`. Templates may look upwards, code
may not.

Example::

    {% base_times base as times %}{% include "clones/_base_times.html" %}
    {% all_memory_shared as shared %}
    {% after_this base %}  {% host_room as room %}
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.models import Via
from audit.services import Actor
from bases.models import BaseImage
from clones.leases import Length, may_rule, policy_of
from clones.models import Clone
from clones.room import Room, rows_of
from clones.rows import rows_drawn
from clones.sharing import memory_shared
from clones.times import LAST, timed, times_of
from clones.usage import disks_allocated
from cowweb.drawn import drawn, key_of, values_of
from cowweb.plotting import median
from hosts.models import Finding
from people.models import Team

register = template.Library()
SEEN = ("first_seen", "last_seen")
FINDING = ("kind", "subject", "found", "done", "state", "decision", "decided_by", "evidence", "count", *SEEN)
CSRF = SafeString("<!-- csrf -->")
BASES_SHOWN = 20  # on the host's page; of the others their own pages tell


@register.simple_tag
def base_times(base: BaseImage) -> dict[str, Any]:
    """Of everyone's clones of this base, without their names."""
    return times_of(Clone.objects.filter(revision__base=base))


@register.simple_tag
def all_memory_shared() -> dict[str, int]:
    return memory_shared(Clone.objects.all())


@register.simple_tag
def ready_medians() -> dict[str, float | None]:
    """Of each base, from the last clones of everyone: how long one took until it was ready."""
    times: dict[str, list[float]] = defaultdict(list)
    for clone in timed(Clone.objects.all(), LAST):
        times[clone.base].append(clone.total_ms)
    return {base: median(found) for base, found in times.items()}


@register.filter
def of(known: Mapping[Any, Any], key: object) -> Any:
    return known.get(key)


def room_of(context: template.Context) -> Room:
    """One look for the whole page."""
    bottom: dict[str, Any] = context.dicts[0]
    if "_room" not in bottom:
        user = context.get("user")
        bottom["_room"] = Room(user if isinstance(user, User) and user.is_authenticated else None)
    found: Room = bottom["_room"]
    return found


@register.inclusion_tag("clones/_after_this.html", takes_context=True)
def after_this(
    context: template.Context,
    base: BaseImage,
    memory_mb: int | None = None,
    cpus: int | None = None,
    count: int | None = None,
    minutes: int = 0,
) -> dict[str, Any]:
    """Beside a button that makes a clone of the base, or several, or a run on one: what that leaves."""
    return room_of(context).after(base, memory_mb, cpus, count, minutes)


@register.simple_tag
def clone_rows(clones: Iterable[Clone]) -> SafeString:
    return rows_drawn(clones)


@register.simple_tag(takes_context=True)
def clone_options(context: template.Context, base: BaseImage) -> SafeString:
    """The fields of a new clone of this base, empty: the same for everyone but for their form's token."""
    return with_token(drawn({key_of("clone_options", base.pk, base.name): base}, options_drawn), context)


def with_token(text: str, context: template.Context) -> SafeString:
    """What was drawn for everyone, with one person's token. A live part has none, and its page adds it."""
    token = context.get("csrf_token")
    field = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token) if token else ""
    return SafeString(text.replace(CSRF, field))


def options_drawn(base: BaseImage) -> str:
    return render_to_string("clones/_clone_form.html", {"fixed": base, "quiet": True, "csrf": CSRF})


@register.simple_tag(takes_context=True)
def finding_items(context: template.Context, findings: Iterable[Finding], *, decides: bool) -> SafeString:
    items = {key_of("finding", decides, one.pk, *values_of(one, FINDING)): one for one in findings}
    return with_token(drawn(items, partial(finding_drawn, decides=decides)), context)


def finding_drawn(finding: Finding, *, decides: bool) -> str:
    return render_to_string("clones/_finding.html", {"finding": finding, "decides": decides, "csrf": CSRF})


@register.simple_tag
def extend_button(name: str) -> SafeString:
    """One click for one more length, in a row whose lease is near its end."""
    return format_html(
        '<button class="btn" form="row-form" formaction="{}" aria-label="Extend {}">Extend</button>',
        reverse("lease-extend", args=[name]),
        name,
    )


@register.simple_tag(takes_context=True)
def lease_policy(
    context: template.Context, team: Team | None = None, base: BaseImage | None = None
) -> dict[str, Any]:
    """How long clones of a team or base last, what the site says, and whether the user may change it."""
    actor = Actor(user=context["user"], via=Via.WEB)
    return {
        "said": policy_of(team=team, base=base),
        "site": Length(settings.COWWEB_LEASE_HOURS, settings.COWWEB_LEASE_MOST_HOURS),
        "may_rule": may_rule(actor, team=team),
    }


@register.simple_tag(takes_context=True)
def host_room(context: template.Context) -> dict[str, Any]:
    """Promised and used on the host, and what the next clone of each base would take."""
    room = room_of(context)
    bases = BaseImage.objects.visible_to(room.user).usable().order_by("name")
    shown = rows_of(list(bases[:BASES_SHOWN]), room)
    more = max(bases.count() - BASES_SHOWN, 0)
    return {"capacity": room.capacity, "bases": shown, "more": more, "disks": disks_allocated()}
