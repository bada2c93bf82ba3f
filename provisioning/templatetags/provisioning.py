"""What the page of a base shows of scripts and runs: `{% load provisioning %}`. Templates look upwards."""

from django import template

from bases.models import BaseImage, BaseRevision
from provisioning.models import RuntimeFound
from provisioning.named_by import NamedBy, named_by

register = template.Library()


@register.simple_tag(takes_context=True)
def base_named_by(context: template.Context, base: BaseImage) -> NamedBy:
    """As far as the page's user may see it."""
    return named_by(base, context["user"])


@register.simple_tag
def runtimes_of(revision: BaseRevision | None) -> dict[str, list[RuntimeFound]]:
    """Which of the site's runtimes a revision `has` and which it `lacks`, as its first script found."""
    rows = list(RuntimeFound.objects.filter(revision=revision).select_related("runtime"))
    rows.sort(key=lambda row: row.runtime.name)
    return {"has": [row for row in rows if row.path], "lacks": [row for row in rows if not row.path]}
