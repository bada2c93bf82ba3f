"""What the pages of bases and hosts show of clones: `{% load clones %}`. Templates may look upwards, code
may not.

Example::

    {% base_times base as times %}{% include "clones/_base_times.html" %}
    {% all_memory_shared as shared %}
"""

from typing import Any

from django import template

from bases.models import BaseImage
from clones.models import Clone
from clones.sharing import memory_shared
from clones.times import times_of

register = template.Library()


@register.simple_tag
def base_times(base: BaseImage) -> dict[str, Any]:
    """Of everyone's clones of this base, without their names."""
    return times_of(Clone.objects.filter(revision__base=base))


@register.simple_tag
def all_memory_shared() -> dict[str, int]:
    return memory_shared(Clone.objects.all())
