"""What the pages of bases and hosts show of clones: `{% load clones %}`. Templates may look upwards, code
may not.

Example::

    {% base_times base as times %}{% include "clones/_base_times.html" %}
    {% all_memory_shared as shared %}
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django import template

from bases.models import BaseImage
from clones.models import Clone
from clones.sharing import memory_shared
from clones.times import LAST, timed, times_of
from cowweb.plotting import median

register = template.Library()


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
