"""The recycle bin: a removed clone whose disk is kept for a while. Its name is free at once.

Example::

    clone_bin(clone=clone, actor=actor)           # stopped and out of sight, until its time is over
    clone_undelete(clone=clone, actor=actor)      # a stopped clone again
    clone_purge(clone=clone, actor=actor)         # its disk is deleted now
"""

import shutil
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.services import SYSTEM, Actor, operation
from clones.admission import taken_back
from clones.branching import ground_left
from clones.egress import egress_ended
from clones.lease_models import Binned
from clones.lease_terms import lease_begun
from clones.machines import clone_removed, disk_measured, failures_told, process_ended
from clones.models import Clone
from clones.services import Asked, asked, clone_moved
from clones.wanted import checked_name, checked_room_for_another
from cowweb.errors import ConflictError, NameTakenError, NotFoundError
from cowweb.live import ring
from hosts.jobs import enqueue
from people import rights

Status = Clone.Status
BIN = "clones.tasks.clone_bin_task"
PURGE = "clones.tasks.clone_purge_task"


def binned_named(name: str, actor: Actor) -> Clone:
    """The clone of this name that was removed last, if it is in the bin and the actor's to see."""
    found = Clone.objects.binned().visible_to(actor.user).for_list().filter(name=name).first()
    if found is None:
        raise NotFoundError(f"Clone {name} is not in the bin", field="name")
    return found


def clone_bin(*, clone: Clone, actor: Actor, why: str = "") -> Asked:
    """Ends the machine and puts the clone into the bin."""
    with operation(actor, "remove", target=f"clone:{clone.name}", params={"to": "bin", "why": why}) as op:
        rights.require(actor, rights.OWN, clone)
        until = timezone.now() + timedelta(hours=settings.COWWEB_BIN_HOURS)
        since = [s for s, moves in Clone.MOVES.items() if Status.REMOVING in moves]
        with transaction.atomic():
            kept = {"until": until, "by_name": actor.name, "why": why, "at": timezone.now(), "purging": False}
            Binned.objects.update_or_create(clone=clone, defaults=kept)
            done = asked(clone, to=Status.REMOVING, task=BIN, entry=op.entry, since=since)
        op.goes_on()
        return done


def clone_binned(clone_id: int) -> None:
    """Brings a clone in state REMOVING into the bin; one without a disk has nothing to keep."""
    clone = Clone.objects.get(pk=clone_id)
    if not clone.disk.exists():
        Binned.objects.filter(clone=clone).delete()
        clone_removed(clone_id)
        return
    with failures_told(clone_id, Status.REMOVING):
        process_ended(clone, grace_s=0)
        egress_ended(clone)
    gone: dict[str, Any] = {"record": None, "forwards": [], "removed_at": timezone.now()}
    clone_moved(clone_id, to=Status.BINNED, since=[Status.REMOVING], **gone)
    disk_measured(clone)
    ring("bases")


def clone_undelete(*, clone: Clone, actor: Actor, name: str = "") -> Clone:
    """A clone in the bin is a stopped one again, with a new lease; under another name if its own is taken.
    It counts again, so there has to be room for it in the quotas of its owner and team."""
    with operation(actor, "undelete", target=f"clone:{clone.name}", params={"as": name}):
        rights.require(actor, rights.OWN, clone)
        new = checked_name(name) if name else clone.name
        try:
            with transaction.atomic():
                checked_room_for_another()
                if not Binned.objects.filter(clone=clone, purging=False).delete()[0]:
                    raise ConflictError(f"{clone.name} is being deleted for good")
                clone_moved(
                    clone.pk, to=Status.STOPPED, since=[Status.BINNED], name=new, removed_at=None, note=""
                )
                taken_back(clone)
                clone.disk.rename(clone.disk.with_name(f"{new}.qcow2"))
                lease_begun(clone)
        except IntegrityError:
            raise NameTakenError(
                f"There is a clone {new} already: write as=<another name>", field="as"
            ) from None
        clone.refresh_from_db()
        return clone


def clone_purge(*, clone: Clone, actor: Actor) -> Asked:
    """Deletes a clone in the bin for good."""
    with operation(actor, "purge", target=f"clone:{clone.name}") as op:
        rights.require(actor, rights.OWN, clone)
        with transaction.atomic():
            if not Binned.objects.filter(clone=clone, purging=False).update(purging=True):
                raise ConflictError(f"{clone.name} is being deleted for good already")
            job = enqueue(PURGE, clone.pk, entry=op.entry)
            ring("clones")
        op.goes_on()
        return Asked(clone, job)


def clone_purged(clone_id: int) -> None:
    """Deletes the folder; the row stays for the record."""
    clone = Clone.objects.get(pk=clone_id)
    shutil.rmtree(clone.folder, ignore_errors=True)
    ground_left(clone)
    clone_moved(clone_id, to=Status.REMOVED, since=[Status.BINNED])
    Binned.objects.filter(clone=clone).delete()
    ring("bases")


def bin_emptied() -> int:
    """Deletes for good what has been in the bin for its time."""
    over = Binned.objects.filter(until__lte=timezone.now(), purging=False, clone__status=Status.BINNED)
    found = [binned.clone for binned in over.select_related("clone")]
    for clone in found:
        clone_purge(clone=clone, actor=SYSTEM)
    return len(found)
