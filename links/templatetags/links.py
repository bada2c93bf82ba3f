"""What a clone's page shows of its links: `{% load links %}`. Templates may look upwards, code may not.

Example::

    {% share_links clone as links %}{% include "links/_links.html" %}
    {% port_address clone 8080 as there %}
"""

from typing import Any

from django import template

from clones.models import Clone
from clones.ports import SSH
from links.addresses import Place, address, address_here
from links.forms import LASTING
from links.services import link_address

register = template.Library()


@register.simple_tag
def share_links(clone: Clone) -> dict[str, Any]:
    """Its live links with their addresses, and the ports and times that another may have."""
    live = clone.links.live().select_related("created_by").order_by("-pk")
    return {
        "live": [{"link": link, "address": link_address(link)} for link in live],
        "ports": [port for port in clone.ports if port != SSH],
        "lasting": LASTING,
    }


@register.simple_tag(takes_context=True)
def port_address(context: template.Context, clone: Clone, port: int) -> str:
    """Where a browser opens a forwarded port: beside the dashboard as this page was asked for, if it was."""
    place, request = Place(clone.pk, port), context.get("request")
    if request is None:
        return address_here(place)
    return address(place, request.scheme or "http", request.get_host())
