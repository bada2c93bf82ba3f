"""Spares: restored from a template ahead of time, primed once, paused, and handed out once.

Example::

    spare = spare_taken(template)     # this caller's alone, or None when the pool is empty
"""

import contextlib
import os
import shutil
import time
from dataclasses import asdict

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bases.integrity import revision_checked
from cowweb.live import ring
from hosts.drivers.agent import AgentGuest
from hosts.drivers.errors import DriverError
from hosts.drivers.records import MachineRecord
from hosts.findings import Kind, repaired
from hosts.jobs import enqueue
from hosts.models import Job
from hosts.services import local_driver
from pools.building import memory_there
from pools.models import Spare, Template
from pools.specs import spare_machine
from pools.usage import spare_checked

Status = Spare.Status
FILL = "pools.tasks.spare_fill_task"
PRIME_S = 30.0
PRIMING = ("hostname", "true")
REST_S = 0.2  # what its guest does when its host has gone is done before it waits
TRIES = 5


def spare_taken(template: Template) -> Spare | None:
    """Takes one atomically, oldest first. Whoever else asks at the same time gets another or none."""
    for _ in range(TRIES):
        found = template.spares.filter(status=Status.READY).order_by("pk").first()
        if found is None:
            return None
        now = timezone.now()
        if Spare.objects.filter(pk=found.pk, status=Status.READY).update(status=Status.TAKEN, taken_at=now):
            found.status, found.taken_at = Status.TAKEN, now
            return found
    return None


def spare_wanted(template: Template) -> tuple[Spare, Job]:
    with transaction.atomic():
        spare = Spare.objects.create(template=template)
        spare_checked(spare)
        job = enqueue(FILL, spare.pk)
        ring("pools")
    return spare, job


def spare_filled(spare_id: int) -> None:
    """Restores, primes and pauses one spare."""
    spare = Spare.objects.select_related("template__revision__base").get(pk=spare_id)
    if spare.status != Status.FILLING:
        return
    start = time.perf_counter()
    try:
        record, forwards = restored(spare)
    except Exception as error:
        spare_discarded(spare, str(error))
        raise
    filled = Spare.objects.filter(pk=spare_id, status=Status.FILLING).update(
        status=Status.READY,
        record=asdict(record),
        forwards=forwards,
        fill_ms=round((time.perf_counter() - start) * 1000, 2),
        ready_at=timezone.now(),
    )
    if not filled:
        local_driver().kill(record)
        cleared(spare)
    ring("pools")


def restored(spare: Spare) -> tuple[MachineRecord, list[list[int]]]:
    driver, template = local_driver(), spare.template
    if not memory_there(template):
        raise DriverError("The template's memory is gone")
    revision_checked(template.revision)
    cleared(spare)
    spare.folder.mkdir(parents=True, mode=0o700)
    driver.disk_create(spare.disk, backing=template.disk)
    driver.disk_stands_on(spare.disk, (template.disk, template.revision.disk))
    spec = spare_machine(spare)
    started = driver.start(spec)
    with contextlib.ExitStack() as undo:
        undo.callback(driver.kill, started.record)
        with AgentGuest(spare.folder) as agent:
            agent.identify(spec.identity, os.urandom(128), machine_id=spare.uuid, timeout_s=PRIME_S)
            for command in PRIMING:
                agent.run(command, timeout_s=PRIME_S)
        time.sleep(REST_S)
        driver.pause(started.record)
        undo.pop_all()
    return started.record, [[forward.guest_port, forward.host_port] for forward in started.forwards]


def cleared(spare: Spare) -> None:
    """What an earlier try left."""
    for record in local_driver().running(settings.COWWEB_CLONES):
        if record.folder == str(spare.folder):
            local_driver().kill(record)
    shutil.rmtree(spare.folder, ignore_errors=True)


def spare_discarded(spare: Spare, why: str) -> bool:
    """Ends a spare, process and files, unless it was handed out or ended in the meantime."""
    since = [Status.FILLING, Status.READY]
    moved = Spare.objects.filter(pk=spare.pk, status__in=since).update(status=Status.DISCARDED, failure=why)
    if moved:
        cleared(spare)
        ring("pools")
    return bool(moved)


def spares_given_up(spares: QuerySet[Spare], why: str) -> int:
    """Ends ready spares; one that was handed out in the meantime stays with its clone."""
    return sum(spare_discarded(spare, why) for spare in spares)


def spares_reconciled() -> int:
    """Spares whose process is gone, or that nobody fills any more, are discarded; returns how many."""
    gone = [spare for spare in Spare.objects.filter(status=Status.READY) if not is_there(spare)]
    unfinished = Job.objects.unfinished().filter(task=FILL).subjects()
    left = list(Spare.objects.filter(status=Status.FILLING).exclude(pk__in=unfinished))
    reasons = [(spare, "its process ended") for spare in gone]
    reasons += [(spare, "who was filling it died") for spare in left]
    return sum(spare_reconciled(spare, why) for spare, why in reasons)


def spare_reconciled(spare: Spare, why: str) -> bool:
    discarded = spare_discarded(spare, why)
    if discarded:
        repaired(Kind.SPARE, f"spare:{spare.pk}", why, "It was discarded.")
    return discarded


def is_there(spare: Spare) -> bool:
    return spare.record is not None and local_driver().alive(MachineRecord(**spare.record))
