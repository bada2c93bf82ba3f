"""What lets a browser in at a guest's host name: signed, for one port of one clone, and checked each time.

A ticket carries a signed-in user over from the dashboard: for seconds, once. A pass is the cookie that stays
on the guest's host name. Neither is worth anything elsewhere, and a pass ends with its link, with its user's
right to use the clone, and with a changed password.

Example::

    ticket = ticket_for(user, place)            # in the address that the dashboard sends the browser to
    kept = pass_by_ticket(ticket, place)        # the cookie
    opened(kept, place)                         # Opened, or Closed says why
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core import signing
from django.core.cache import cache
from django.utils import timezone

from clones.models import Clone
from clones.ports import host_port
from cowweb.errors import DomainError
from links.addresses import Place
from links.models import ShareLink, fresh_nonce
from people import rights

COOKIE = "cowweb_pass"
TICKET_S = 30
PASS_S = 8 * 3600
SEEN_S = 2  # a revoked link is closed within this
TICKET, PASS, LINK = "links.ticket", "links.pass", "links.share"


class Closed(DomainError):
    """Not let in. `status` is the HTTP status, `title` its few words."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message, code="forbidden")
        self.status, self.title = status, title


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the guest's port is, and whose it is."""

    clone: str
    host_port: int


def sign_in() -> Closed:
    words = "Ports open for who may use their clone, and by links that someone gave away."
    return Closed(401, "Sign in first", words)


def link_ended() -> Closed:
    return Closed(410, "This link has ended", "It expired or was revoked. Ask for a new one.")


def ticket_for(user: User, place: Place) -> str:
    return signing.dumps({**owner(user), **where(place), "n": fresh_nonce()}, salt=TICKET, compress=True)


def owner(user: User) -> dict[str, Any]:
    """The user, until the password changes."""
    return {"u": user.pk, "h": hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:20]}


def where(place: Place) -> dict[str, int]:
    return {"c": place.clone, "p": place.port}


def pass_by_ticket(ticket: str, place: Place) -> str:
    """The pass for a ticket that was not used before."""
    said = loaded(ticket, TICKET, TICKET_S)
    nonce = said.pop("n", "")
    if not fits(said, place) or not cache.add(f"ticket.{nonce}", 1, TICKET_S * 2):
        raise sign_in()
    return signing.dumps(said | {"until": int(timezone.now().timestamp()) + PASS_S}, salt=PASS)


def link_token(link: ShareLink) -> str:
    return signing.dumps([link.pk, link.nonce], salt=LINK)


def link_by_token(token: str, place: Place) -> ShareLink:
    """The live link of a token, at its own host name."""
    try:
        pk, nonce = signing.loads(token, salt=LINK)
    except (signing.BadSignature, ValueError):
        raise link_ended() from None
    link = ShareLink.objects.live().select_related("clone", "created_by").filter(pk=pk, nonce=nonce).first()
    if link is None or not still_given(link) or Place(link.clone_id, link.port) != place:
        raise link_ended()
    return link


def pass_by_link(link: ShareLink) -> str:
    place = Place(link.clone_id, link.port)
    return signing.dumps({"l": link.pk, **where(place)}, salt=PASS)


def opened(kept: str, place: Place) -> Opened:
    """Looks at a pass, as of a moment ago; raises Closed."""
    key = "pass." + hashlib.sha256(f"{kept} {place}".encode()).hexdigest()
    known: Opened | None = cache.get(key)
    if known is None:
        known = opened_now(kept, place)
        cache.set(key, known, SEEN_S)
    return known


def opened_now(kept: str, place: Place) -> Opened:
    return looked_at(loaded(kept, PASS, None), place)


def looked_at(said: dict[str, Any], place: Place) -> Opened:
    if not fits(said, place):
        raise sign_in()
    clone = clone_by_link(said) if "l" in said else clone_by_user(said)
    if clone.status != Clone.Status.RUNNING:
        raise Closed(503, f"{clone.name} is {clone.status}", "Its ports answer while it runs.")
    host = host_port(clone, place.port)
    if host is None:
        raise Closed(404, f"Port {place.port} is not forwarded", f"Forward it on the page of {clone.name}.")
    return Opened(clone.name, host)


def clone_by_link(said: dict[str, Any]) -> Clone:
    link = ShareLink.objects.live().select_related("clone", "created_by").filter(pk=said["l"]).first()
    if link is None or not still_given(link):
        raise link_ended()
    return link.clone


def still_given(link: ShareLink) -> bool:
    """Whether its giver may still use the clone: a link gives no more than its giver has."""
    giver = link.created_by
    return giver.is_active and rights.may(giver, rights.USE, link.clone)


def clone_by_user(said: dict[str, Any]) -> Clone:
    """The clone, where the pass's user may still use it."""
    user = User.objects.filter(pk=said.get("u") or 0, is_active=True).first()
    fresh = user is not None and owner(user) == {"u": said.get("u"), "h": said.get("h")}
    if user is None or not fresh or said.get("until", 0) < timezone.now().timestamp():
        raise sign_in()
    clone = Clone.objects.live().open_to(user, rights.USE).filter(pk=said["c"]).first()
    if clone is None:
        raise sign_in()
    return clone


def fits(said: dict[str, Any], place: Place) -> bool:
    return {key: said.get(key) for key in ("c", "p")} == where(place)


def loaded(text: str, salt: str, max_age: int | None) -> dict[str, Any]:
    try:
        said = signing.loads(text, salt=salt, max_age=max_age)
    except (signing.BadSignature, ValueError):
        raise sign_in() from None
    return said if isinstance(said, dict) else {}
