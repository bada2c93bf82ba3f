"""Background work: rows that say what to do, done by the server's loop or by whoever waits for them.

Example::

    job = enqueue("clones.tasks.clone_start_task", clone.pk)   # inside the transaction that wants it
    work_or_wait(job, timeout_s=300)                           # a shell does it itself, or waits
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string

from audit.models import AuditEntry
from audit.services import Result, finish
from cowweb.errors import DomainError
from cowweb.live import ring
from hosts.drivers.errors import DriverError
from hosts.findings import Kind, repaired
from hosts.models import Job

logger = logging.getLogger(__name__)

TOPIC = "jobs"
POLL_S = 0.05


@cache
def this_worker() -> str:
    """This process, told apart from any other of this boot and of earlier ones."""
    return f"{boot_id()} {os.getpid()} {start_ticks(os.getpid())}"


@cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int:
    """When a process started, in ticks since boot; 0 when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return 0 if state == "Z" else int(fields[18])


def worker_lives(worker: str) -> bool:
    """Whether the process that took a job is still that process."""
    boot, pid, ticks = worker.split()
    return boot == boot_id() and start_ticks(int(pid)) == int(ticks) != 0


@dataclass
class Taker:
    """Who does jobs in this process, if it serves: told of each at once, says whether it is taken."""

    takes: Callable[[Job], bool] | None = None


taker = Taker()


def enqueue(task: str, subject_id: int, *, entry: AuditEntry | None = None, at_once: bool = False) -> Job:
    """Work for after the current transaction; how it ends becomes the outcome of the audit entry.
    `at_once`: this process's own from the beginning, where it does jobs: that is quicker than handing on.
    Not for who waits for it in a thread that the doing of it may need."""
    mine = {**ours(), "attempts": 1} if at_once and taker.takes else {}
    job = Job.objects.create(task=task, subject_id=subject_id, audit_entry=entry, **mine)
    transaction.on_commit(lambda: offered(job))
    return job


def offered(job: Job) -> None:
    """Told to this process where it does jobs; otherwise to whoever listens."""
    if not (taker.takes and taker.takes(job)):
        ring(TOPIC)


def ours() -> dict[str, Any]:
    """The columns of a job that this process does from now on."""
    return {"state": Job.State.RUNNING, "worker": this_worker(), "started_at": timezone.now()}


def claim(job_id: int) -> Job | None:
    """Takes a queued job for this process; None when someone else was first."""
    queued = Job.objects.filter(pk=job_id, state=Job.State.QUEUED)
    taken = queued.update(attempts=F("attempts") + 1, **ours())
    return Job.objects.get(pk=job_id) if taken else None


def queued_ids() -> list[int]:
    return list(Job.objects.filter(state=Job.State.QUEUED).order_by("pk").values_list("pk", flat=True))


def execute(job: Job) -> None:
    """Does a claimed job. What goes wrong in it is the job's failure, never the worker's end."""
    failure = ""
    try:
        task: Callable[[int], None] = import_string(job.task)
        task(job.subject_id)
    except (DomainError, DriverError) as error:
        failure = str(error)
    except Exception as error:
        logger.exception("Job %s (%s) failed", job.pk, job)
        failure = f"{type(error).__name__}: {error}"
    state = Job.State.FAILED if failure else Job.State.DONE
    finish(job.audit_entry_id, Result.FAILED if failure else Result.DONE, failure)
    Job.objects.filter(pk=job.pk).update(state=state, failure=failure, ended_at=timezone.now())


def work(job_id: int) -> bool:
    """Claims and does a job in the calling thread; False when it was not there to take."""
    job = claim(job_id)
    if job:
        execute(job)
    return job is not None


def work_or_wait(job: Job, *, timeout_s: float) -> bool:
    """Does the job here, or waits for who took it. False when it was not finished in time."""
    if work(job.pk):
        return True
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        job.refresh_from_db()
        if job.state in (Job.State.DONE, Job.State.FAILED):
            return True
        if job.state == Job.State.QUEUED:
            work(job.pk)
        requeue_orphans()
        time.sleep(POLL_S)
    return False


def requeue_orphans() -> int:
    """Puts back the jobs whose process died; their tasks know how to go on or to end honestly."""
    running = Job.objects.filter(state=Job.State.RUNNING)
    orphans = [job for job in running if job.worker and not worker_lives(job.worker)]
    back = [job for job in orphans if running.filter(pk=job.pk).update(state=Job.State.QUEUED)]
    for job in back:
        found = f"the process that did this work ({job.words}) died"
        repaired(Kind.JOB, f"job:{job.pk}", found, "It was put back, to be gone on with.")
    if back:
        ring(TOPIC)
    return len(back)
