"""The phases that end with a guest that answers: allocate, clone, start, ready.

What is there is used: a machine that runs is not made again, and one whose maker died is finished.
"""

import shutil
import time

from django.conf import settings

from clones.machines import clone_made
from clones.models import Clone
from clones.reconcile import clone_reconciled
from clones.services import START
from cowweb.errors import ConflictError, DomainError
from cowweb.wording import size
from hosts.drivers.errors import Cancelled
from hosts.models import Job
from provisioning.models import RunPhase
from provisioning.work import Work

Phase = RunPhase.Name
Status = Clone.Status
LEAST_DISK_BYTES = 64 << 20
LOOK_S = 0.2


def allocated(work: Work) -> None:
    """A place for the machine: its base is there, and the host's disk has room for what it will write."""
    if not work.steps.is_due(Phase.ALLOCATE):
        return
    with work.steps.phase(Phase.ALLOCATE) as phase:
        clone = work.clone
        if not clone.revision.disk.is_file():
            raise DomainError(f"The file of {clone.revision} is not in the store", code="host_error")
        free = shutil.disk_usage(settings.COWWEB_CLONES).free
        if free < LEAST_DISK_BYTES:
            raise DomainError(f"Only {size(free)} of disk are free on {clone.host.name}", code="host_error")
        cpus = f"{clone.cpus} CPU{'' if clone.cpus == 1 else 's'}"
        phase.note = f"on {clone.host.name}: {clone.memory_mb} MiB, {cpus}; {size(free)} of its disk are free"


def machine_up(work: Work) -> Clone:
    """The clone, running, with a guest that answered."""
    clone = work.clone
    if clone.status == Status.RUNNING and clone_reconciled(clone):
        clone = work.clone
    if clone.status == Status.STARTING and being_started(clone):
        clone = waited_for(work)
    if clone.status in (Status.CREATING, Status.STARTING):
        clone_made(clone.pk, on_phase=work.steps.enter, cancel=work.stop.is_set)
        return work.clone
    if clone.status != Status.RUNNING:
        raise ConflictError(f"{clone.name} is {clone.status}; its guest cannot be reached")
    for name in (Phase.CLONE, Phase.START, Phase.READY):
        if work.steps.is_due(name):
            work.steps.passed(name, "the machine runs already")
    return clone


def being_started(clone: Clone) -> bool:
    """Whether another job boots it, as after its guest rebooted."""
    return Job.objects.unfinished().filter(task=START, subject_id=clone.pk).exists()


def waited_for(work: Work) -> Clone:
    work.steps.enter(Phase.READY)
    while (clone := work.clone).status == Status.STARTING and being_started(clone):
        if work.stop.is_set():
            raise Cancelled("Cancelled while its machine was starting")
        time.sleep(LOOK_S)
    return clone
