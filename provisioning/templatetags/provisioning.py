"""What the page of a base shows of scripts and runs: `{% load provisioning %}`. Templates look upwards."""

from django import template

from bases.models import BaseImage
from provisioning.named_by import NamedBy, named_by

register = template.Library()


@register.simple_tag(takes_context=True)
def base_named_by(context: template.Context, base: BaseImage) -> NamedBy:
    """As far as the page's user may see it."""
    return named_by(base, context["user"])
