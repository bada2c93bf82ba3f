"""What the pages of bases and hosts show of clones: `{% load clones %}`. Templates may look upwards, code
may not.

Example::

    {% base_times base as times %}{% include "clones/_base_times.html" %}
    {% all_memory_shared as shared %}
    {% after_this base %}  {% host_room as room %}
"""

from typing import Any

from django import template
from django.contrib.auth.models import User

from bases.models import BaseImage
from clones.models import Clone
from clones.room import Room, rows_of
from clones.sharing import memory_shared
from clones.times import times_of
from clones.usage import disks_allocated

register = template.Library()


@register.simple_tag
def base_times(base: BaseImage) -> dict[str, Any]:
    """Of everyone's clones of this base, without their names."""
    return times_of(Clone.objects.filter(revision__base=base))


@register.simple_tag
def all_memory_shared() -> dict[str, int]:
    return memory_shared(Clone.objects.all())


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
    context: template.Context, base: BaseImage, memory_mb: int | None = None, cpus: int | None = None
) -> dict[str, Any]:
    """Beside a button that makes a clone of the base: what that leaves."""
    return room_of(context).after(base, memory_mb, cpus)


@register.simple_tag(takes_context=True)
def host_room(context: template.Context) -> dict[str, Any]:
    """Promised and used on the host, and what the next clone of each base would take."""
    room = room_of(context)
    bases = BaseImage.objects.visible_to(room.user).usable().order_by("name")
    return {"capacity": room.capacity, "bases": rows_of(list(bases), room), "disks": disks_allocated()}
