"""Which hosts may be asked, and the connection to the very address that was looked at."""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from cowweb.errors import DomainError

CONNECT_S = 20
URL_CHARACTERS = 2048
# IPv6 addresses that carry an IPv4 one: a way round every look at the latter
CARRIERS = [ipaddress.ip_network(text) for text in ("2002::/16", "2001::/32")]
UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out


class FetchError(DomainError):
    """The address may not be asked, or did not give what was asked for."""


def resolved(host: str, port: int) -> list[str]:
    """Every address of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public(text: str) -> bool:
    """Whether an address is one of the Internet's, and of nobody's own network."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return public(str(address.ipv4_mapped))
        if address not in UNICAST or any(address in network for network in CARRIERS):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True)
class Network:
    """The outside, as it is asked. Tests have one of their own, with their own names and certificates."""

    resolve: Callable[[str, int], list[str]] = resolved
    allows: Callable[[str], bool] = public
    context: Callable[[], ssl.SSLContext] = field(default=ssl.create_default_context)


def internet() -> Network:
    return Network()


def checked_url(text: str) -> SplitResult:
    """The parts of an address that may be asked for; FetchError says what would be right."""
    if len(text) > URL_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise FetchError("url= is no address: plain ASCII without spaces, up to 2048 characters", field="url")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise FetchError(f"url={text!r} is no address", field="url") from None
    if parts.scheme != "https":
        raise FetchError("url= must begin with https://", field="url")
    if "@" in parts.netloc:
        raise FetchError("url= may not have a user name or password in it", field="url")
    if not parts.hostname or port == 0:
        raise FetchError("url= names no host", field="url")
    return parts


def address_of(network: Network, host: str, port: int) -> str:
    """The address to connect to. All of a host's are looked at, so that none can be swapped in."""
    try:
        addresses = network.resolve(host, port)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise FetchError(f"This machine cannot find {host}: {words}", field="url") from None
    if not addresses:
        raise FetchError(f"{host} has no address", field="url")
    for address in addresses:
        if not network.allows(address):
            leads = f"{host} leads to {address}, which" if address != host else host
            raise FetchError(f"{leads} is no public address", field="url")
    return addresses[0]


class CheckedConnection(http.client.HTTPSConnection):
    """TLS for the host's name, over a connection to the address that was checked."""

    def __init__(self, host: str, port: int, *, address: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=CONNECT_S, context=context)
        self.address = address
        self.tls = context

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), CONNECT_S)
        try:
            self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def connected(network: Network, parts: SplitResult) -> CheckedConnection:
    """An open connection to the host of a checked address."""
    host, port = parts.hostname or "", parts.port or 443
    address = address_of(network, host, port)
    connection = CheckedConnection(host, port, address=address, context=network.context())
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise FetchError(
            f"{host} did not prove that it is {host}: {error.verify_message}", field="url"
        ) from None
    except OSError as error:
        words = error.strerror or str(error) or type(error).__name__
        raise FetchError(f"{host} cannot be reached: {words}", field="url") from None
    return connection
