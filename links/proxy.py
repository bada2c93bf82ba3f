"""Guests' host names: every request there is for one port of one clone, and never for the dashboard.

Stands before everything else. Lets in whoever has a pass, carries the request to the guest's forwarded port
and the answer back as it comes, whole or for as long as it lasts.

Example::

    application = GuestHosts(dashboard)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from channels.db import database_sync_to_async
from django.urls import reverse
from multidict import CIMultiDict
from yarl import URL

from cowweb.door import signed_in
from links.addresses import Place, is_guests, place_in
from links.answers import Answer, entered, page, sent
from links.headers import cookie_of, to_browser, to_guest
from links.incoming import Incoming
from links.passes import COOKIE, Closed, Opened, opened, sign_in
from links.relay import relay

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

OURS = "/_cow/"  # paths of a guest's host name that never reach the guest
CONNECT_S, ANSWER_S = 5.0, 120.0
LINE_BYTES = 32 * 1024
FIRST_ANSWER = 200
NOBODY = "Nothing answers on port {port} of {clone}"
NOBODY_WORDS = "The clone runs, but no program took the request there. Start it in the guest and reload."
SILENT = "Port {port} of {clone} took the request and gave no answer"
SILENT_WORDS = f"It was waited for {ANSWER_S:.0f} s."
BROKEN = "Port {port} of {clone} does not speak HTTP"
BROKEN_WORDS = "Something answers there, but not as a web server would."


class GuestHosts:
    def __init__(self, inner: App) -> None:
        self.inner = inner
        self.client: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        host = header(scope, b"host")
        if scope["type"] not in ("http", "websocket") or not is_guests(host):
            await self.inner(scope, receive, send)
            return
        try:
            place = place_of(host)
            if scope["type"] == "http" and scope["path"].startswith(OURS):
                await sent(await entered(scope, place), send)
                return
            kept = cookie_of(scope["headers"], COOKIE.encode())
            door = await database_sync_to_async(opened)(kept, place)
        except Closed as closed:
            await refused(closed, scope, send)
            return
        if scope["type"] == "websocket":
            await relay(self.session(), door, place, kept, scope, receive, send)
        else:
            await self.carried(door, place, scope, receive, send)

    def session(self) -> aiohttp.ClientSession:
        """One for all guests, made on the server's loop; it keeps no cookies."""
        if self.client is None or self.client.closed:
            self.client = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                connector=aiohttp.TCPConnector(limit=0),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                max_line_size=LINE_BYTES,
                max_field_size=LINE_BYTES,
            )
        return self.client

    async def carried(self, door: Opened, place: Place, scope: Scope, receive: Any, send: Any) -> None:
        """One request to the guest and its answer back; ends with whoever goes first."""
        async with Incoming(receive) as incoming:
            asking = asyncio.ensure_future(self.asked(door, scope, incoming))
            try:
                response = await incoming.unless_gone(asyncio.wait_for(asking, ANSWER_S))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                await sent(failure(error, door, place), send)
                return
            if response is not None:
                await answered(response, incoming, send)

    async def asked(self, door: Opened, scope: Scope, incoming: Incoming) -> aiohttp.ClientResponse:
        response = await self.session().request(
            scope["method"],
            url(door, scope),
            headers=headers_for(scope),
            data=incoming.body() if has_body(scope) else None,
            allow_redirects=False,
        )
        if response.status < FIRST_ANSWER:  # another protocol from here on, for which nobody asked
            response.close()
            raise aiohttp.ClientResponseError(response.request_info, ())
        return response


async def answered(response: aiohttp.ClientResponse, incoming: Incoming, send: Any) -> None:
    """The guest's answer as it comes. One that breaks off breaks off in the browser too."""
    async with response:
        start = {"status": response.status, "headers": to_browser(response.raw_headers)}
        await send({"type": "http.response.start", **start})
        async for chunk in chunks(response, incoming):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def chunks(response: aiohttp.ClientResponse, incoming: Incoming) -> AsyncIterator[bytes]:
    while chunk := await incoming.unless_gone(response.content.readany()):
        yield chunk


def known(host: str, cookies: str) -> bool:
    """Whether a long body is read: of who is let in there."""
    if not is_guests(host):
        return signed_in(cookies)
    try:
        opened(cookie_of([(b"cookie", cookies.encode("latin-1"))], COOKIE.encode()), place_of(host))
    except Closed:
        return False
    return True


def place_of(host: str) -> Place:
    place = place_in(host)
    if place is None:
        raise sign_in()
    return place


async def refused(closed: Closed, scope: Scope, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403})
    else:
        place = place_in(header(scope, b"host"))
        way_in = reverse("port-numbered", args=[place.clone, place.port]) if place else "/"
        await sent(page(closed.status, closed.title, str(closed), way_in), send)


def failure(error: Exception, door: Opened, place: Place) -> Answer:
    names = {"port": place.port, "clone": door.clone}
    if isinstance(error, TimeoutError):
        return page(504, SILENT.format(**names), SILENT_WORDS)
    if isinstance(error, aiohttp.ClientResponseError):
        return page(502, BROKEN.format(**names), BROKEN_WORDS)
    return page(502, NOBODY.format(**names), NOBODY_WORDS)


def url(door: Opened, scope: Scope, scheme: str = "http") -> URL:
    """The same path and query at the guest's port, byte for byte."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    at = f"{scheme}://127.0.0.1:{door.host_port}"
    return URL(f"{at}/{path.removeprefix('/')}{'?' + query if query else ''}", encoded=True)


def headers_for(scope: Scope) -> CIMultiDict[str]:
    address = (scope.get("client") or ("", 0))[0]
    pairs = to_guest(scope["headers"], scheme=scope.get("scheme", "http"), address=address)
    return CIMultiDict((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in pairs)


def has_body(scope: Scope) -> bool:
    named = {name for name, _ in scope["headers"]}
    return b"content-length" in named or b"transfer-encoding" in named


def header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key == name), "")
