"""How many requests wait for who looks: `{% load requests %}{% waiting_requests as rail_requests %}`."""

from django import template
from django.contrib.auth.models import User

from quotas.raises import waiting_for

register = template.Library()


@register.simple_tag(takes_context=True)
def waiting_requests(context: template.Context) -> int:
    user = context.get("user")
    return waiting_for(user) if isinstance(user, User) and user.is_authenticated else 0
