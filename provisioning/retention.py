"""How long the output of runs is kept: `COWWEB_OUTPUT_DAYS` days after a run's end, 0 for ever.

The run stays, with its script, times and parameters; only what it printed goes.

Example::

    outputs_expired(days=30)     # the numbers of the runs whose output was removed
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.services import SYSTEM, Actor, operation
from cowweb.live import ring
from provisioning.models import OutputChunk, Run

RUNS_AT_ONCE = 200
NAMED = 50


def expired(days: int) -> QuerySet[Run]:
    """Runs that ended longer ago and whose output is still there."""
    before = timezone.now() - timedelta(days=days)
    return Run.objects.filter(ended_at__lt=before, output_removed_at=None, line_count__gt=0)


def outputs_expired(*, days: int | None = None, actor: Actor = SYSTEM) -> list[int]:
    """Removes what is older than the policy says; nothing is recorded when nothing was to be done."""
    days = settings.COWWEB_OUTPUT_DAYS if days is None else days
    ids = list(expired(days).order_by("pk").values_list("pk", flat=True)[:RUNS_AT_ONCE]) if days else []
    if not ids:
        return []
    params = {"days": days, "count": len(ids), "runs": ids[:NAMED]}
    with operation(actor, "expire_output", target="runs", params=params), transaction.atomic():
        OutputChunk.objects.filter(run_id__in=ids).delete()
        Run.objects.filter(pk__in=ids).update(output_removed_at=timezone.now())
        ring("runs", *(f"run.{pk}" for pk in ids))
    return ids
