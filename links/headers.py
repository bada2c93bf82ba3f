"""What passes between a browser and a guest: everything but what belongs to one hop, or to the dashboard.

The guest never sees a cookie of ours, and sets none beyond its own host name. Pure functions on the pairs of
bytes that ASGI and HTTP share.

Example::

    to_guest(scope["headers"], scheme="http", address="192.0.2.7")
    to_browser(response.raw_headers)
"""

from collections.abc import Iterable

Pairs = Iterable[tuple[bytes, bytes]]

ONE_HOP = {
    b"connection",
    b"expect",  # answered by us: the body is on its way
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
# What a proxy says, and only we are it
OURS_TO_SAY = {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"}
SOCKETS = {
    b"sec-websocket-key",
    b"sec-websocket-version",
    b"sec-websocket-extensions",
    b"sec-websocket-protocol",
    b"sec-websocket-accept",
}
# These reach other host names of the same domain, the dashboard's among them
BEYOND = {b"clear-site-data", b"strict-transport-security", b"alt-svc", b"public-key-pins"}
COOKIES_OF_OURS = (b"cowweb_", b"__host-cowweb", b"__secure-cowweb")


def to_guest(pairs: Pairs, *, scheme: str, address: str) -> list[tuple[bytes, bytes]]:
    """The request's headers for the guest."""
    pairs = [(name.lower(), value) for name, value in pairs]
    dropped = ONE_HOP | OURS_TO_SAY | SOCKETS | named_by_connection(pairs)
    kept = [(name, value) for name, value in pairs if name not in dropped and name != b"cookie"]
    cookies = b"; ".join(filter(None, (cookies_kept(value) for name, value in pairs if name == b"cookie")))
    host = next((value for name, value in pairs if name == b"host"), b"")
    said = [
        (b"x-forwarded-for", address.encode()),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host),
    ]
    return [*kept, *([(b"cookie", cookies)] if cookies else []), *said]


def to_browser(pairs: Pairs) -> list[tuple[bytes, bytes]]:
    """The answer's headers for the browser."""
    pairs = [(name.lower(), value) for name, value in pairs]
    dropped = ONE_HOP | BEYOND | named_by_connection(pairs)
    kept = [(name, value) for name, value in pairs if name not in dropped and name != b"set-cookie"]
    cookies = (cookie_set(value) for name, value in pairs if name == b"set-cookie")
    return [*kept, *((b"set-cookie", cookie) for cookie in cookies if cookie)]


def named_by_connection(pairs: list[tuple[bytes, bytes]]) -> set[bytes]:
    listed = b",".join(value for name, value in pairs if name == b"connection")
    return {name.strip().lower() for name in listed.split(b",")} - {b"host", b"cookie", b"content-length"}


def cookie_of(pairs: Pairs, name: bytes) -> str:
    """One cookie's value; empty when there is none."""
    parts = [part.strip() for key, value in pairs if key.lower() == b"cookie" for part in value.split(b";")]
    found = (part.partition(b"=")[2] for part in parts if part.partition(b"=")[0].strip() == name)
    return next(found, b"").decode("latin-1")


def cookies_kept(value: bytes) -> bytes:
    return b"; ".join(part.strip() for part in value.split(b";") if part.strip() and not is_ours(part))


def cookie_set(value: bytes) -> bytes:
    """For the guest's own host name only; nothing where it would pose as one of ours."""
    first, *attributes = value.split(b";")
    if is_ours(first):
        return b""
    own = [part for part in attributes if part.partition(b"=")[0].strip().lower() != b"domain"]
    return b";".join([first, *own])


def is_ours(cookie: bytes) -> bool:
    """A browser sends one without a name back as its value alone, which may look like one of ours."""
    return cookie.strip(b" \t=").lower().startswith(COOKIES_OF_OURS)
