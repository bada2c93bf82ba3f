"""Whether this machine reaches the publishers of the catalogue: looked at when asked, kept for a minute."""

import socket
import time
from dataclasses import dataclass

from django.core.cache import cache

from bases.catalogue import catalogue
from bases.fetching import FetchError, Network
from bases.fetching.network import address_of

HTTPS = 443
EACH_S = 3.0
ALL_S = 8.0  # those that are not come to by then were not tried
KEPT_S = 60
KEY = "bases.reach"


@dataclass(frozen=True, slots=True)
class Reach:
    """`why` is empty where the publisher answers."""

    publisher: str
    answers: bool
    why: str = ""


def publishers_reached(network: Network) -> list[Reach]:
    found: list[Reach] | None = cache.get(KEY)
    if found is None:
        found = looked_at(network)
        cache.set(KEY, found, KEPT_S)
    return found


def looked_at(network: Network) -> list[Reach]:
    until = time.monotonic() + ALL_S
    hosts = dict.fromkeys(image.publisher for image in catalogue())
    return [
        tried(host, network) if time.monotonic() < until else Reach(host, answers=False, why="not tried")
        for host in hosts
    ]


def tried(host: str, network: Network) -> Reach:
    try:
        address = address_of(network, host, HTTPS)
        socket.create_connection((address, HTTPS), EACH_S).close()
    except FetchError as error:
        return Reach(host, answers=False, why=str(error))
    except OSError as error:
        return Reach(host, answers=False, why=error.strerror or "no answer")
    return Reach(host, answers=True)
