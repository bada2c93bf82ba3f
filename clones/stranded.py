"""Clones between two states that nobody brings any further: something unforeseen ended their job.

Called every minute. They have failed and say why; from there they can be started, stopped and removed again.
"""

from collections.abc import Callable, Container
from contextlib import suppress
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from clones.machines import failures_told
from clones.models import Clone
from cowweb.errors import DomainError
from hosts.findings import Kind, repaired
from hosts.models import Job

Status = Clone.Status
ON_THE_WAY = [Status.CREATING, Status.STARTING, Status.STOPPING, Status.REMOVING]
OF_CLONES = Q(task__startswith="clones.tasks.clone_") | Q(task__startswith="clones.tasks.state_")
GRACE = timedelta(minutes=1)
NO_JOB = "its work is gone"


def clones_looked_after(held: Callable[[], Container[int]]) -> int:
    """How many were found. `held` says which clones other work, such as runs, will bring on."""
    jobs = Job.objects.filter(OF_CLONES)
    idle = Clone.objects.filter(status__in=ON_THE_WAY, busy="", changed_at__lt=timezone.now() - GRACE)
    idle = idle.exclude(pk__in=jobs.unfinished().subjects())
    by_others = held()
    stranded = [clone for clone in idle if clone.pk not in by_others]
    for clone in stranded:
        job = jobs.newest_of(clone.pk)
        given_up(clone, (job and job.failure) or NO_JOB)
    return len(stranded)


def given_up(clone: Clone, why: str) -> None:
    """As its work would have, had it failed in a way that was foreseen."""
    with suppress(DomainError), failures_told(clone.pk, clone.status):
        raise DomainError(f"Nobody works on it any more: {why}")
    found = f"it was {clone.get_status_display().lower()} and nobody worked on it: {why}"
    clone.refresh_from_db()
    if clone.status == Status.FAILED:
        repaired(Kind.CLONE, f"clone:{clone.name}", found, "The clone is said to have failed.")
