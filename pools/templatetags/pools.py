"""What the pages of bases and hosts show of pools: `{% load pools %}`. Templates may look upwards, code
may not.

Example::

    {% pool_panel %}              {# on a page that has `base` and `user` #}
    {% pools_in_memory as held %}
"""

from typing import Any

from django import template
from django.db.models import Count

from cowweb.roles import curates
from pools.models import Spare
from pools.pages import forms_context, in_memory, pool_context

register = template.Library()


@register.inclusion_tag("pools/_pool_panel.html", takes_context=True)
def pool_panel(context: template.Context) -> dict[str, Any]:
    """Templates and pool of the page's base; forms with what was refused where the page has them."""
    base, user = context["base"], context["user"]
    forms = forms_context(base) if curates(user) else {}
    refused = {key: context[key] for key in forms if context.get(key)}
    csrf = {"csrf_token": context.get("csrf_token")}
    return {**pool_context(base), **forms, **refused, **csrf, "is_curator": curates(user)}


@register.simple_tag
def pools_in_memory() -> dict[str, Any]:
    return in_memory()


@register.simple_tag
def warm_spares() -> dict[int, int]:
    """How many spares of each base wait."""
    ready = Spare.objects.filter(status=Spare.Status.READY).values_list("template__revision__base")
    return dict(ready.annotate(Count("pk")).order_by())
