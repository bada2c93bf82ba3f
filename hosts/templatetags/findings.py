"""How many findings wait, for the navigation: `{% load findings %}`."""

from django import template
from django.contrib.auth.models import User

from cowweb.roles import audits
from hosts.findings import waiting_count

register = template.Library()


@register.filter
def sees_findings(user: object) -> bool:
    """Whether what the reconciler found is theirs to read."""
    return isinstance(user, User) and audits(user)


@register.simple_tag
def waiting_findings() -> int:
    return waiting_count()
