"""How an import that does not come to its end ends: its base has failed, and its name can be used again."""

from django.db import transaction
from django.db.models import QuerySet

from bases.models import BaseImage
from cowweb.live import ring
from hosts.findings import Kind, repaired
from hosts.jobs import worker_lives

Status = BaseImage.Status
DIED = "Who imported it died; register it again"


def base_failed(base: BaseImage, reason: str) -> bool:
    """One whose revision came in and awaits approval has not failed."""
    with transaction.atomic():
        begun = BaseImage.objects.filter(pk=base.pk, status=Status.PROVISIONING)
        failed = 0 if base.awaits_approval else begun.update(status=Status.FAILED, failure=reason)
        ring("bases", f"base.{base.pk}")
    return bool(failed)


def imports_given_up(bases: QuerySet[BaseImage]) -> int:
    """Those of these bases whose importer died have failed, and say so; returns how many."""
    importing = bases.filter(status=Status.PROVISIONING).exclude(importer="")
    return sum(given_up(base) for base in importing if not worker_lives(base.importer))


def given_up(base: BaseImage) -> bool:
    failed = base_failed(base, DIED)
    if failed:
        repaired(Kind.BASE, f"base:{base.name}", "who imported it died", "It is said to have failed.")
    return failed
