"""Giving a clone's port away by a link, taking it back, and letting browsers in.

Example::

    link = link_create(clone=clone, port=8080, hours=24, actor=actor)
    link_revoke(link=link, actor=actor)
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.services import Actor, operation
from clones.models import Clone
from clones.ports import SSH, host_port
from cowweb.errors import ConflictError, DomainError, NotFoundError
from cowweb.live import RIGHTS, ring
from links.addresses import Place, address_here
from links.models import ShareLink
from links.passes import link_by_token, link_token, pass_by_link, pass_by_ticket, ticket_for
from people import rights

LONGEST_HOURS = 24 * 30


def link_create(*, clone: Clone, port: int, hours: int, actor: Actor) -> ShareLink:
    """A link to one of the clone's ports, for anyone who has it, until its time is over."""
    params = {"port": port, "hours": hours}
    with operation(actor, "share_port", target=f"clone:{clone.name}", params=params):
        rights.require(actor, rights.USE, clone)
        if not 1 <= hours <= LONGEST_HOURS:
            raise DomainError(f"A link lasts 1 to {LONGEST_HOURS} hours, not {hours}", field="hours")
        checked_port(clone, port)
        if actor.user is None:
            raise DomainError("A link needs someone who gave it")
        with transaction.atomic():
            link = ShareLink.objects.create(
                clone=clone,
                port=port,
                created_by=actor.user,
                expires_at=timezone.now() + timedelta(hours=hours),
            )
            ring(f"clone.{clone.pk}")
        return link


def checked_port(clone: Clone, port: int) -> None:
    """A port that a browser could use: forwarded, and not the one for SSH."""
    if port == SSH:
        raise DomainError("Port 22 is for SSH; a browser cannot use it", field="port")
    if port not in clone.ports and host_port(clone, port) is None:
        raise ConflictError(f"Port {port} of {clone.name} is not forwarded", field="port")


def link_revoke(*, link: ShareLink, actor: Actor) -> ShareLink:
    """Ends a link now, for everyone who came in by it too."""
    params = {"link": link.pk, "port": link.port}
    with operation(actor, "revoke_link", target=f"clone:{link.clone.name}", params=params):
        rights.require(actor, rights.USE, link.clone)
        with transaction.atomic():
            if not ShareLink.objects.live().filter(pk=link.pk).update(revoked_at=timezone.now()):
                raise ConflictError(f"Link {link.pk} has ended already")
            ring(f"clone.{link.clone_id}", RIGHTS)
        link.refresh_from_db()
        return link


def link_of(clone: Clone, pk: int) -> ShareLink:
    link = ShareLink.objects.select_related("clone").filter(clone=clone, pk=pk).first()
    if link is None:
        raise NotFoundError(f"{clone.name} has no link {pk}", field="link")
    return link


def link_address(link: ShareLink) -> str:
    """What is given away."""
    return f"{address_here(Place(link.clone_id, link.port))}/_cow/share/{link_token(link)}"


def port_ticket(*, clone: Clone, port: int, actor: Actor) -> str:
    """Takes a signed-in user who may use the clone over to its port's host name."""
    rights.require(actor, rights.USE, clone)
    checked_port(clone, port)
    if actor.user is None:
        raise DomainError("Only a person opens a port in a browser")
    return ticket_for(actor.user, Place(clone.pk, port))


def came_by_ticket(ticket: str, place: Place, visitor: Actor) -> str:
    """The pass of a user from the dashboard."""
    with operation(visitor, "open_port", target=target_of(place), params={"port": place.port}):
        return pass_by_ticket(ticket, place)


def came_by_link(token: str, place: Place, visitor: Actor) -> str:
    """The pass of whoever has a link; its visit is counted."""
    with operation(visitor, "open_link", target=target_of(place), params={"port": place.port}):
        link = link_by_token(token, place)
        with transaction.atomic():
            ShareLink.objects.filter(pk=link.pk).update(visits=F("visits") + 1, visited_at=timezone.now())
            ring(f"clone.{link.clone_id}")
        return pass_by_link(link)


def target_of(place: Place) -> str:
    clone = Clone.objects.filter(pk=place.clone).first()
    return f"clone:{clone.name}" if clone else f"clone:{place.clone}"
