"""A clone's TCP ports on the host: forwards, and whether something answers behind one.

Example::

    port_forward(clone=clone, port=8080, actor=actor)     # 127.0.0.1, a port of the kernel's choice
    port_answers(40123)
"""

import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack

from django.core.cache import cache
from django.db import transaction

from audit.services import Actor, operation
from clones.actions import require
from clones.models import Clone
from clones.specs import record_of
from cowweb.errors import DomainError
from cowweb.live import ring
from hosts.drivers.activity import KNOCKS_FROM
from hosts.services import local_driver
from people import rights

SSH = 22
MOST_PORTS = 64
SEEN_S = 2  # pages of many viewers are drawn from one knock
ANSWER_S = 3.0
SILENCE_S = 0.3


def port_forward(*, clone: Clone, port: int, actor: Actor) -> int:
    """Makes one more port of a running clone reachable; where, on 127.0.0.1. Kept for its next starts."""
    with operation(actor, "forward", target=f"clone:{clone.name}", params={"port": port}):
        rights.require(actor, rights.USE, clone)
        require(clone, Clone.Status.RUNNING, "given ports")
        if host := host_port(clone, port):
            return host
        if len(clone.forwards) >= MOST_PORTS:
            raise DomainError(
                f"{clone.name} has {MOST_PORTS} forwarded ports, which is the most", field="port"
            )
        forwards = local_driver().forward(record_of(clone), [port])
        clone.forwards = [[forward.guest_port, forward.host_port] for forward in forwards]
        clone.ports = [*clone.ports, port]
        with transaction.atomic():
            clone.save(update_fields=["forwards", "ports", "changed_at"])
            ring("clones", f"clone.{clone.pk}")
        return host_port(clone, port) or 0


def host_port(clone: Clone, port: int) -> int | None:
    """Where a guest's port is on 127.0.0.1, if it is forwarded."""
    return next((int(host) for guest, host in clone.forwards if guest == port), None)


def ports_seen(clone: Clone, *, look: bool) -> dict[int, bool]:
    """Which of its forwards something answers behind, as of a moment ago; without a look, what is known."""
    hosts = [int(host) for _, host in clone.forwards]
    key = f"ports.{clone.pk}.{'.'.join(map(str, hosts))}"
    found: dict[int, bool] | None = cache.get(key)
    if found is None and look:
        answer = answering(hosts) if clone.status == Clone.Status.RUNNING else set()
        found = {host: host in answer for host in hosts}
        cache.set(key, found, SEEN_S)
    return found or {}


def port_answers(port: int) -> bool:
    return bool(answering([port]))


def answering(ports: Sequence[int]) -> set[int]:
    """Those of these ports of 127.0.0.1 behind which something answers.

    A forward accepts before the guest listens, so what counts is that the connection stays open.
    """
    with ExitStack() as stack:
        asked = {stack.enter_context(one): port for port in ports if (one := connection(port))}
        open_ports = set(asked.values())
        deadline = time.monotonic() + SILENCE_S
        while asked and (left := deadline - time.monotonic()) > 0:
            for one in select.select(list(asked), [], [], left)[0]:
                port = asked.pop(one)
                if not spoke(one):
                    open_ports.discard(port)
        return open_ports


def connection(port: int) -> socket.socket | None:
    """From an address of its own, so that a page that is left open is not taken for work in the machine."""
    try:
        return socket.create_connection(("127.0.0.1", port), ANSWER_S, source_address=(KNOCKS_FROM, 0))
    except OSError:
        return None


def spoke(one: socket.socket) -> bool:
    try:
        return one.recv(1) != b""
    except OSError:
        return False
