"""Runs that nobody carries out any more: something unforeseen ended their job, and not them.

Called every minute. Each goes on where it was, once; one that is stranded again ends and says why.
"""

from django.db import transaction
from django.utils import timezone

from hosts.findings import Kind, repaired
from hosts.jobs import enqueue
from hosts.models import Job
from provisioning.endings import ending_written
from provisioning.models import Run
from provisioning.phases import Steps, run_moved
from provisioning.services import RUN


def runs_looked_after() -> int:
    """How many were found."""
    jobs = Job.objects.filter(task=RUN)
    stranded = list(Run.objects.unfinished().exclude(pk__in=jobs.unfinished().subjects()))
    for run in stranded:
        job = jobs.newest_of(run.pk)
        why = job.failure if job else "it has no job"
        if job is None or job.audit_entry_id:  # as it was ordered; the one that we made has none
            gone_on_with(run, why)
        else:
            given_up(run, why)
    return len(stranded)


def gone_on_with(run: Run, why: str) -> None:
    with transaction.atomic():
        enqueue(RUN, run.pk)
    repaired(Kind.JOB, f"run:{run.pk}", f"nobody carried it out any more: {why}", "It goes on where it was.")


def given_up(run: Run, why: str) -> None:
    """Its clone is left as it is: letting go of it may be what nobody could do."""
    failure = f"The site could not carry it out: {why}"
    with transaction.atomic():
        ending_written(run, Run.Status.FAILED, failure, "", Steps(run).failed(failure))
        run_moved(run.pk, to=Run.Status.FAILED, ended_at=timezone.now())
    repaired(Kind.JOB, f"run:{run.pk}", f"it could not be carried out: {why}", "It was ended as failed.")
