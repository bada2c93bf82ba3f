"""Sockets are opened by our own pages only: scheme, host and port of the origin must all be ours.

A guest's page on a forwarded port has our host name and another port; it is refused.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class SameOrigin:
    def __init__(self, inner: App) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        app: Any = self.inner if is_ours(origin, host) else WebsocketDenier()
        await app(scope, receive, send)


class KnownPaths(URLRouter):
    """Denies a socket that no path is for; it would be an error of ours, with its whole trace in the log."""

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        path = scope["path"].lstrip("/")
        known = any(route.pattern.match(path) for route in self.routes)
        app: Any = super().__call__ if known else WebsocketDenier()
        await app(scope, receive, send)


def is_ours(origin: str, host: str) -> bool:
    """The page's origin is one of the site's, or exactly the address that this request was sent to."""
    if origin in settings.COWWEB_ORIGINS:
        return True
    scheme, netloc = urlsplit(origin)[:2]
    domain, _ = split_domain_port(host)
    expected = "https" if settings.COWWEB_HTTPS else "http"
    allowed = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
    return allowed and scheme == expected and bool(netloc) and netloc == host
