"""The reconciler's slow look: rows against disks, processes, ports, sockets, memory files and images.

At start and twice a minute, so that what is unknown is reported within a minute. What a row says the site
made and nobody needs is cleared, what can be put right is, and the rest is a finding. The quick looks are
`clones.reconcile`, `pools.upkeep` and `clones.egress`.

Example::

    site_surveyed()      # 2: so many differences are there now
"""

import logging
import time
from collections.abc import Callable, Iterable

from django.utils import timezone

from clones.compared import bases_compared, disks_compared, sockets_compared
from clones.leftovers import leftovers_cleared
from clones.unknown import unknown_machines, unknown_things
from cowweb.live import ring
from hosts.drivers.errors import DriverError
from hosts.findings import TOPIC, Kind, Noted, findings_gone, findings_noted, waiting_changed
from hosts.models import Host
from hosts.services import local_host

logger = logging.getLogger(__name__)

Look = Callable[[], Iterable[Noted]]
LOOKS: tuple[tuple[Look, tuple[str, ...]], ...] = (
    (unknown_machines, (Kind.PROCESS,)),
    (unknown_things, (Kind.FOLDER, Kind.FILE, Kind.MEMORY)),
    (disks_compared, (Kind.CLONE,)),
    (sockets_compared, (Kind.SOCKET,)),
    (bases_compared, (Kind.BASE,)),
)


def site_surveyed() -> int:
    """Compares everything once; returns how many differences are there now."""
    began = time.perf_counter()
    host = local_host()
    leftovers_cleared()
    count = sum(looked(look, kinds) for look, kinds in LOOKS)
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    Host.objects.filter(pk=host.pk).update(reconciled_at=timezone.now(), reconciled_ms=took_ms)
    waiting_changed()
    ring(TOPIC)
    return count


def looked(look: Look, kinds: tuple[str, ...]) -> int:
    """One comparison. Where it cannot be made, nothing is said to be gone."""
    try:
        seen = findings_noted(look(), kinds)
    except (DriverError, OSError):
        logger.exception("%s could not look", look.__name__)
        return 0
    findings_gone(kinds, seen={(noted.kind, noted.subject[:300]) for noted in seen})
    return len(seen)
