"""What a guest's host name answers by itself: the way in, and pages for when the guest cannot answer."""

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.conf import settings
from django.template.loader import render_to_string

from audit.models import Via
from audit.services import Actor
from links.addresses import Place, site_address
from links.passes import COOKIE, Closed
from links.services import came_by_link, came_by_ticket

ENTER, SHARE = "/_cow/enter", "/_cow/share/"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


async def entered(scope: dict[str, Any], place: Place) -> Answer:
    """Takes a ticket or a link, and gives the pass for it."""
    actor = visitor(scope)
    path: str = scope["path"]
    if path == ENTER:
        ticket = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [""])[0]
        kept = await database_sync_to_async(came_by_ticket)(ticket, place, actor)
    elif path.startswith(SHARE):
        kept = await database_sync_to_async(came_by_link)(path.removeprefix(SHARE), place, actor)
    else:
        raise Closed(404, "Nothing is here", "This path is kept for CoWWeb itself.")
    cookie = f"{COOKIE}={kept}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if settings.COWWEB_HTTPS else ''}"
    return Answer(303, [(b"location", b"/"), (b"set-cookie", cookie.encode()), *PRIVATE])


PRIVATE = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]


def visitor(scope: dict[str, Any]) -> Actor:
    """Who comes, as far as it is known: an address and a browser."""
    agent = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"user-agent"), "")
    return Actor(user=None, via=Via.WEB, address=(scope.get("client") or ("", 0))[0], agent=agent[:200])


def page(status: int, title: str, words: str, way_in: str = "/") -> Answer:
    """A page of ours at a guest's host name; it needs nothing but itself. `way_in` is the
    dashboard's path to here."""
    nonce = secrets.token_urlsafe(12)
    context = {"title": title, "words": words, "nonce": nonce, "status": str(status)}
    context |= {"site": site_address(), "way_in": way_in}
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors 'none'; base-uri 'none'"
    return Answer(
        status,
        [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            *PRIVATE,
        ],
        render_to_string("links/answer.html", context).encode(),
    )


async def sent(answer: Answer, send: Any) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    start = {"status": answer.status, "headers": [*answer.headers, length]}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": answer.body})
