"""Every forwarded port has a host name of its own, which the dashboard's cookies do not reach.

`c12-8080.localhost` is port 8080 of clone 12. Browsers know that names under `localhost` are this machine;
a site on a network sets `COWWEB_GUEST_DOMAIN` to a domain all of whose names lead to it.

Example::

    place_in("c12-8080.localhost:8000")        # Place(clone=12, port=8080)
    address(Place(12, 8080), "http", "localhost:8000")
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port

LABEL = re.compile(r"c([1-9][0-9]{0,17})-([1-9][0-9]{0,4})", re.ASCII)
ADDRESS_FILE = "server.address"
USUAL = "http://localhost:8000"


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a clone."""

    clone: int
    port: int


def is_guests(host: str) -> bool:
    """Whether a request with this Host header is for a guest, or for nobody; never for the dashboard."""
    domain, _ = split_domain_port(host)
    return domain.endswith(f".{settings.COWWEB_GUEST_DOMAIN}")


def place_in(host: str) -> Place | None:
    """Which port of which clone a host name stands for."""
    domain, _ = split_domain_port(host)
    found = LABEL.fullmatch(domain.removesuffix(f".{settings.COWWEB_GUEST_DOMAIN}"))
    return Place(int(found[1]), int(found[2])) if found and is_guests(host) else None


def address(place: Place, scheme: str, host: str) -> str:
    """Where a browser finds it, from how the dashboard was asked."""
    _, port = split_domain_port(host)
    name = f"c{place.clone}-{place.port}.{settings.COWWEB_GUEST_DOMAIN}"
    return f"{scheme}://{name}{f':{port}' if port else ''}"


def address_here(place: Place) -> str:
    """The same where there is no request to go by."""
    scheme, host = urlsplit(site_address())[:2]
    return address(place, scheme, host)


def site_address() -> str:
    """Where the dashboard is: as the site was told, or as it was served last."""
    if settings.COWWEB_ORIGINS:
        return str(settings.COWWEB_ORIGINS[0])
    try:
        return (Path(settings.COWWEB_DATA) / ADDRESS_FILE).read_text().strip() or USUAL
    except OSError:
        return USUAL


def site_address_written(url: str) -> None:
    (Path(settings.COWWEB_DATA) / ADDRESS_FILE).write_text(url.rstrip("/") + "\n")
