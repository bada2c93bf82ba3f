"""Rows against processes: the row is the intent, the process is the fact.

Run at start and every few seconds. A machine that ended by itself is said to be stopped, or failed with
what it said last; one whose guest rebooted is started again. Nothing that is not running is called running.
"""

import logging
from typing import Any

from django.db import transaction

from audit.services import SYSTEM, operation
from clones.egress import egress_ended
from clones.machines import disk_measured, last_words
from clones.models import Clone
from clones.services import START, clone_moved
from clones.specs import record_of
from hosts.drivers.processes import boot_id
from hosts.drivers.records import Ending
from hosts.findings import Kind, repaired
from hosts.jobs import enqueue
from hosts.services import local_driver

logger = logging.getLogger(__name__)
Status = Clone.Status
SINCE = [Status.RUNNING, Status.PAUSED]
GONE: dict[str, Any] = {"record": None, "forwards": []}
DIED = "The machine's process ended without being asked to"
HOST_ANEW = "The host was started anew, and its machine ended with it"
REBOOTED = "Its guest rebooted. A clone that went on from memory cannot boot in place: it was started again."


def clones_reconciled() -> int:
    """Looks at every clone that should have a machine; returns how many rows were corrected."""
    return sum(clone_reconciled(clone) for clone in Clone.objects.filter(status__in=SINCE).iterator())


def clone_reconciled(clone: Clone) -> bool:
    """Corrects one row; true when it had to be."""
    if local_driver().alive(record_of(clone)):
        return False
    egress_ended(clone)
    moved = ENDED[local_driver().ending(clone.folder)](clone)
    if moved:
        logger.info("Clone %s was not running any more", clone.name)
        disk_measured(clone)
    return moved


def powered_off(clone: Clone) -> bool:
    return clone_moved(clone.pk, to=Status.STOPPED, since=SINCE, failure="", **GONE)


def rebooted(clone: Clone) -> bool:
    """Boots it again, by its own kernel or firmware, on the same disk and with the same keys."""
    with operation(SYSTEM, "reboot", target=f"clone:{clone.name}") as op, transaction.atomic():
        moved = clone_moved(
            clone.pk, to=Status.STARTING, since=SINCE, start_asked=True, note=REBOOTED, **GONE
        )
        if moved:
            enqueue(START, clone.pk, entry=op.entry)
            op.goes_on()
    return moved


def died(clone: Clone) -> bool:
    reason = DIED if record_of(clone).boot_id == boot_id() else HOST_ANEW
    words = last_words(clone)
    fields = {"failure": reason, "failure_detail": words, **GONE}
    moved = clone_moved(clone.pk, to=Status.FAILED, since=SINCE, **fields)
    if moved:
        found = f"its row said it was {clone.get_status_display().lower()}; its process had ended"
        repaired(Kind.CLONE, f"clone:{clone.name}", found, "The clone is said to have failed.")
    return moved


ENDED = {Ending.POWER_OFF: powered_off, Ending.RESET: rebooted, Ending.ENDED: died}
