"""What a request may be before anything of ours reads it: how long its body is, and what it says of itself.

Daphne takes a body of any length into memory and files before it asks whose it is. Here more than a form's is
taken only of who is signed in, to the dashboard or to a guest's port, and of them not more than one limit.

Example::

    server.http_factory = Doors(server)         # `server.known(host, cookies)` says whether that is somebody
"""

import asyncio
from ipaddress import IPv6Address
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.http.cookie import parse_cookie
from twisted.web.http import HTTPChannel

FORM_BYTES = 5 << 20  # what a form or command may have, and what carries it
FORM_S = 300.0  # for who is not known: until the whole of it is there
HEAD_S = 20.0  # from a head's first byte to its last
NETWORK = len("2001:0db8:0000:0000")
MOST_ADDRESSES = 4096  # of which connections are remembered before those that are gone are looked for
ROOT_PATH = b"Daphne-Root-Path"
FORWARDED = b"X-Forwarded-For"
TOO_MUCH = b"This is more than this site takes at once."
ANSWER = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s"
)


class Channel(HTTPChannel):
    """A connection, before and between its requests. Twisted gives each byte another minute; a head has one
    time."""

    is_in_head = False

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.factory.came(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if self.line_mode and not self.is_in_head:
            self.is_in_head = True
            self.setTimeout(HEAD_S)  # type: ignore[no-untyped-call]
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def resetTimeout(self) -> None:
        if not self.is_in_head:
            super().resetTimeout()  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:
        self.is_in_head = False
        self.setTimeout(self.timeOut)  # type: ignore[no-untyped-call]
        super().allHeadersReceived()  # type: ignore[no-untyped-call]


class Doors(HTTPFactory):
    protocol = Channel  # type: ignore[assignment]

    def __init__(self, server: Any) -> None:
        super().__init__(server)  # type: ignore[no-untyped-call]
        self.lines: dict[str, list[Any]] = {}  # by address, websockets too; those that are gone go later

    def buildProtocol(self, addr: Any) -> Any:
        """None, which hangs up, for an address that has as many as one may have."""
        if self.server.most_lines and len(self.open_from(whose(addr.host))) >= self.server.most_lines:
            return None
        protocol = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        protocol.requestFactory = Request
        return protocol

    def open_from(self, host: str) -> list[Any]:
        found = [line for line in self.lines.pop(host, ()) if line.connected]
        if found:
            self.lines[host] = found
        return found

    def came(self, line: Any) -> None:
        self.lines.setdefault(whose(line.getPeer().host), []).append(line)
        if len(self.lines) > MOST_ADDRESSES:
            for host in list(self.lines):
                self.open_from(host)


def whose(host: str) -> str:
    """An address, or of version 6 the network of it: whoever has one there has all."""
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or address.exploded[:NETWORK])


class Request(WebRequest):
    channel: Any
    came, most = 0, FORM_BYTES
    is_refused = False
    ends: asyncio.TimerHandle | None = None

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)  # type: ignore[no-untyped-call]
        if length != 0:
            self.ends = asyncio.get_event_loop().call_later(FORM_S, self.refused)
        self.counted(length or 0)

    def handleContentChunk(self, data: bytes) -> None:
        self.came += len(data)
        self.counted(self.came)
        if not self.is_refused:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> Any:
        self.in_time()
        if self.is_refused:
            return None
        if len(self.requestHeaders.getRawHeaders(b"Host") or []) > 1:  # of which each reader takes another
            self.basic_error(400, b"Bad Request", "More than one host")  # type: ignore[no-untyped-call]
            return None
        self.requestHeaders.removeHeader(
            ROOT_PATH
        )  # it moves the site to another path, and anybody may send it
        self.forwarded_by_our_proxy()
        return super().process()

    def connectionLost(self, reason: Any) -> None:
        self.in_time()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def in_time(self) -> None:
        if self.ends:
            self.ends.cancel()

    def forwarded_by_our_proxy(self) -> None:
        """Proxies add to the end; what stands before is whatever the browser said."""
        if said := self.requestHeaders.getRawHeaders(FORWARDED):
            self.requestHeaders.setRawHeaders(FORWARDED, [b",".join(said).rsplit(b",", 1)[-1].strip()])

    def counted(self, length: int) -> None:
        """Past what anybody may send, it is looked at once whose it is; nothing is read meanwhile."""
        if length <= self.most or self.is_refused:
            return
        if self.most > FORM_BYTES or length > settings.COWWEB_BODY_MAX_BYTES:
            self.refused()
            return
        self.most = settings.COWWEB_BODY_MAX_BYTES
        self.channel.transport.pauseProducing()
        loop = asyncio.get_event_loop()
        cookies = b"; ".join(self.requestHeaders.getRawHeaders(b"Cookie") or []).decode("latin-1")
        host = (self.requestHeaders.getRawHeaders(b"Host") or [b""])[0].decode("latin-1")
        looking = loop.run_in_executor(None, self.server.known, host, cookies)
        looking.add_done_callback(self.looked)

    def looked(self, looking: "asyncio.Future[bool]") -> None:
        if self.channel is None:
            return
        if looking.exception() or not looking.result():
            self.refused()
            return
        self.in_time()
        self.channel.transport.resumeProducing()

    def refused(self) -> None:
        if self.is_refused or self.channel is None:
            return
        self.is_refused = True
        self.channel.transport.write(ANSWER % (len(TOO_MUCH), TOO_MUCH))
        self.channel.loseConnection()


def signed_in(cookies: str) -> bool:
    """Whether somebody's session is among the cookies."""
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")
    return bool(key) and "_auth_user_id" in SessionStore(key).load()
