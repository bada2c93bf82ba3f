"""Jobs are done once, by whoever takes them, and survive whoever dies."""

import pytest

from audit.models import AuditEntry
from audit.services import operation
from cowweb.errors import DomainError
from hosts import jobs
from hosts.models import Job

done: list[int] = []


def remember(subject_id: int) -> None:
    done.append(subject_id)


def refuse(subject_id: int) -> None:
    raise DomainError(f"{subject_id} is refused")


def crash(subject_id: int) -> None:
    raise ZeroDivisionError("by accident")


@pytest.fixture(autouse=True)
def clean(db):
    done.clear()


def queued(name: str, subject: int = 7, **kwargs) -> Job:
    return jobs.enqueue(f"tests.cowweb.test_jobs.{name}", subject, **kwargs)


def test_a_job_is_done_once():
    job = queued("remember")
    assert jobs.work(job.pk) is True
    assert jobs.work(job.pk) is False
    job.refresh_from_db()
    assert (done, job.state, job.attempts) == ([7], "done", 1)


@pytest.mark.parametrize(
    ("name", "words"), [("refuse", "7 is refused"), ("crash", "ZeroDivisionError: by accident")]
)
def test_what_goes_wrong_is_the_jobs_failure_and_the_entrys_outcome(actor, name, words):
    with operation(actor, "clone") as op:
        job = queued(name, entry=op.entry)
        op.goes_on()
    jobs.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.failure) == ("failed", words)
    outcome = AuditEntry.objects.get().outcome
    assert (outcome.result, outcome.reason) == ("failed", words)


def test_a_dead_workers_job_goes_back_and_a_living_ones_stays():
    dead, living = queued("remember", 1), queued("remember", 2)
    for job, worker in ((dead, f"{jobs.boot_id()} 999999 5"), (living, jobs.this_worker())):
        Job.objects.filter(pk=job.pk).update(state="running", worker=worker)
    assert jobs.requeue_orphans() == 1
    assert jobs.queued_ids() == [dead.pk]


@pytest.mark.parametrize("worker", ["another-boot 1 1", f"{jobs.boot_id()} 1 1"])
def test_another_boot_or_a_strangers_pid_is_not_the_worker(worker):
    assert jobs.worker_lives(worker) is False


def test_whoever_waits_does_the_work_itself():
    assert jobs.work_or_wait(queued("remember"), timeout_s=1) is True
    assert done == [7]
