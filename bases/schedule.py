"""What is looked at again without being asked: digests, files of the retired, imports that nobody ends.

Example::

    registry_looked_after()     # a turn: the one revision that was verified longest ago, if it is due
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from audit.services import SYSTEM, operation
from bases.integrity import revision_verified
from bases.life import retired_cleared
from bases.models import BaseRevision
from bases.uploads import uploads_completed
from hosts.errors import DriverError


def registry_looked_after() -> None:
    uploads_completed()
    retired_cleared()
    revision_due_verified()


def revision_due_verified() -> BaseRevision | None:
    """Reads the one that is longest due again, one a turn so that the disk has time for others."""
    if not settings.COWWEB_VERIFY_DAYS:
        return None
    before = timezone.now() - timedelta(days=settings.COWWEB_VERIFY_DAYS)
    there = BaseRevision.objects.filter(file_removed_at=None).select_related("base")
    due = there.filter(verified_at__lt=before) | there.filter(verified_at=None)
    revision = due.order_by("verified_at", "pk").first()
    if revision is None:
        return None
    try:
        verified_by_schedule(revision)
    except DriverError:
        return revision  # the record has it, and the revision starts nothing
    return revision


def verified_by_schedule(revision: BaseRevision) -> None:
    """One entry for each; a mismatch is a failed one."""
    with operation(SYSTEM, "verify_base", target=f"base:{revision}", params={"by": "schedule"}):
        if not revision_verified(revision):
            raise DriverError(f"{revision} no longer matches its digest")
