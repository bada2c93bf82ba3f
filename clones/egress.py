"""What clones may connect to: changed while they run, kept true, and what they were denied.

The row is the intent; the rules are in the host's kernel. A look every few seconds reads the counts, and
holds again what lost its rules.

Example::

    egress_set(clone=clone, ports=(443,), actor=actor)
"""

import logging
from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from audit.services import SYSTEM, Actor, operation
from clones.models import Clone
from clones.specs import egress_of, record_of
from clones.wanted import checked_egress
from cowweb.errors import ConflictError
from cowweb.live import ring
from cowweb.values import egress_text
from hosts.drivers.records import Denied
from hosts.findings import Kind, repaired
from hosts.services import local_driver
from people import rights
from pools.models import Spare

logger = logging.getLogger(__name__)
Status = Clone.Status
stale: set[int] = set()  # rules without a process at the last look
suspects: set[UUID] = set()  # machines whose rules were not those of their rows at the last look


def egress_set(*, clone: Clone, ports: tuple[int, ...] | None, actor: Actor) -> Clone:
    """Holds a clone to other ports, at once where it runs; its live connections to the rest end."""
    params = {"egress_ports": egress_text(ports), "before": egress_text(clone.egress_ports)}
    with operation(actor, "set_egress", target=f"clone:{clone.name}", params=params) as op:
        rights.require(actor, rights.USE, clone)
        checked_egress(ports)
        clone.refresh_from_db()
        if clone.status in (Status.STARTING, Status.STOPPING, Status.CREATING, Status.REMOVING):
            raise ConflictError(f"{clone.name} is {clone.status}; try again in a moment", field="name")
        if clone.record is not None:
            local_driver().egress_set(record_of(clone), ports)
        op.changed({"egress_ports": params["before"]}, {"egress_ports": params["egress_ports"]})
        clone.egress_ports = None if ports is None else list(ports)
        with transaction.atomic():
            clone.save(update_fields=["egress_ports", "changed_at"])
            ring("clones", f"clone.{clone.pk}")
        return clone


def egress_looked_after() -> None:
    """Counts what running clones were denied. Whose rules were lost or altered, of clones and spares, is held
    again."""
    clones = {clone.uuid: clone for clone in Clone.objects.active().exclude(record=None)}
    spares = Spare.objects.filter(status=Spare.Status.READY).values_list("uuid", flat=True)
    if not (clones or spares) or not local_driver().egress().holds:
        return
    wanted = {uuid: egress_of(clone) for uuid, clone in clones.items()} | dict.fromkeys(spares)
    counted = local_driver().egress_kept(wanted)
    for uuid, denied in counted.items():
        if uuid in clones and denied is not None:
            kept(clones[uuid], denied)
    righted = local_driver().egress_righted(wanted, suspects)
    suspects.clear()
    suspects.update(righted.suspects)
    names = {uuid: f"clone:{clones[uuid]}" if uuid in clones else f"spare:{uuid.hex[:12]}" for uuid in wanted}
    lost = [names[uuid] for uuid, denied in counted.items() if denied is None]
    told(lost, "gone", "They were put back.")
    told([names[uuid] for uuid in righted.restored], "altered", "They were put right.")
    told([f"host:{part}" for part in righted.shared], "altered", "They were put right, for all machines.")


def told(targets: Collection[str], what: str, done: str) -> None:
    """Someone changed the rules of running machines; what they reached meanwhile is not known."""
    for target in targets:
        logger.warning("The network rules of %s were %s", target, what)
        with operation(SYSTEM, "restore_egress", target=target):
            repaired(Kind.RULES, target, f"its network rules were {what}", done)


def kept(clone: Clone, denied: Denied) -> None:
    """Writes what the clone was denied where that grew."""
    if denied.attempts <= clone.denied_attempts:
        return
    with transaction.atomic():
        Clone.objects.filter(pk=clone.pk).update(denied_attempts=denied.attempts, denied=dict(denied.tries))
        ring(f"clone.{clone.pk}")


def egress_ended(clone: Clone) -> None:
    """Keeps the last count of a machine that has ended."""
    denied = local_driver().egress_end(clone.uuid)
    if denied:
        kept(clone, denied)


def egress_cleared() -> None:
    """Rules of machines that no longer run go, once two looks found them so."""
    found = local_driver().egress_stale(stale)
    stale.clear()
    stale.update(found)
