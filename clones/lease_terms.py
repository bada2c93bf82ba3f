"""How long a clone of this team and base may last: the strictest of what team, base and site say.

Example::

    terms = terms_for(team_id=team.pk, base_id=base.pk)
    terms.default_hours, terms.most_hours       # 168, 720; 0 where there is no end
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from clones.lease_models import Lease, LeasePolicy
from cowweb.errors import QuotaError

WARNED_BEFORE = timedelta(hours=24)
SHARE_WARNED = 4  # a short lease is warned of in its last quarter


@dataclass(frozen=True, slots=True)
class Terms:
    """Hours; 0 for no end."""

    default_hours: int
    most_hours: int

    @property
    def default(self) -> timedelta | None:
        return timedelta(hours=self.default_hours) if self.default_hours else None

    def latest(self, lease: Lease) -> datetime | None:
        """When it ends at the latest, unless someone allows more."""
        return lease.began_at + timedelta(hours=self.most_hours) if self.most_hours else None


def terms_for(*, team_id: int | None, base_id: int) -> Terms:
    policies = LeasePolicy.objects.filter(Q(team=team_id, team__isnull=False) | Q(base=base_id))
    return terms_of(list(policies))


def terms_of(policies: list[LeasePolicy]) -> Terms:
    """A policy goes before the site's setting, in either direction; of two policies the shorter counts."""
    default = min((p.default_hours for p in policies if p.default_hours), default=settings.COWWEB_LEASE_HOURS)
    most = min((p.most_hours for p in policies if p.most_hours), default=settings.COWWEB_LEASE_MOST_HOURS)
    if most:
        default = min(default or most, most)
    return Terms(default, most)


def lease_begun(clone: Any) -> Lease:
    """A lease from now on, in the place of what it had. For a verb's own transaction."""
    lease, _ = Lease.objects.update_or_create(clone=clone, defaults=lease_columns(clone))
    return lease


def lease_given(clone: Any, *, hours: int | None) -> None:
    """The first lease of a new clone. For a verb's own transaction."""
    Lease.objects.create(clone=clone, **lease_columns(clone, hours=hours))


def lease_columns(clone: Any, *, hours: int | None = None) -> dict[str, Any]:
    """Of one that begins now; refused where it would be longer than it may be."""
    terms = terms_for(team_id=clone.team_id, base_id=clone.revision.base_id)
    if hours and terms.most_hours and hours > terms.most_hours:
        raise QuotaError(
            f"lease={hours} is more than the {terms.most_hours} h that a clone of "
            f"{clone.revision.base.name} may last",
            field="lease",
        )
    now = timezone.now()
    length = timedelta(hours=hours) if hours else terms.default
    return {"began_at": now, **until(now + length if length else None, now=now)}


def until(end: datetime | None, *, now: datetime) -> dict[str, Any]:
    """The columns of a lease that ends then."""
    warn = None if end is None else end - min(WARNED_BEFORE, (end - now) / SHARE_WARNED)
    return {"ends_at": end, "warn_at": warn, "warned_at": None, "ended_at": None, "note": ""}
