"""Leases: shown, extended, and ruled by teams and bases.

Example::

    lease_extend(clone=clone, actor=actor)             # by one more default length
    lease_extend(clone=clone, hours=48, actor=actor)   # to 48 h from now
    policy_set(team=team, length=Length(24, 168), actor=actor)
    policy_set(team=team, length=Length(None, None), actor=actor)   # as the site has it again
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from audit.services import Actor, operation
from bases.models import BaseImage
from clones.lease_models import Lease, LeasePolicy
from clones.lease_terms import Terms, lease_begun, terms_for, until
from clones.models import Clone
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from cowweb.live import ring
from cowweb.wording import moment
from people import rights
from people.models import Team

LEAST_GAIN = timedelta(minutes=1)
MOST_HOURS = 87_600
WHO_MAY = "an owner of its team or an administrator"


@dataclass(frozen=True, slots=True)
class Length:
    """What is asked of a policy: hours, or None to leave it to the site."""

    default_hours: int | None
    most_hours: int | None


def lease_of(clone: Clone) -> Lease:
    """A clone from before there were leases gets one when it is first asked for."""
    found = Lease.objects.filter(clone=clone).first()
    return found or lease_begun(clone)


def clone_terms(clone: Clone) -> Terms:
    return terms_for(team_id=clone.team_id, base_id=clone.revision.base_id)


def lease_extend(*, clone: Clone, actor: Actor, hours: int | None = None) -> Lease:
    """Lets a clone last longer: for so many hours from now, or for its usual length, within its maximum."""
    with operation(actor, "extend", target=f"clone:{clone.name}", params={"hours": hours}) as op:
        rights.require(actor, rights.USE, clone)
        with transaction.atomic():
            lease = lease_of(clone)
            now = timezone.now()
            end = new_end(lease, clone_terms(clone), hours, now, exceeds=may_exceed(actor, clone))
            Lease.objects.filter(pk=lease.pk).update(**until(end, now=now))
            op.changed({"lease ends": lease.ends_at}, {"lease ends": end})
            ring("clones", f"clone.{clone.pk}")
        lease.refresh_from_db()
        return lease


def new_end(lease: Lease, terms: Terms, hours: int | None, now: datetime, *, exceeds: bool) -> datetime:
    """When an extended lease ends; refused where that is no later, or later than it may be."""
    if lease.ends_at is None:
        raise ConflictError("Its lease has no end")
    length = timedelta(hours=hours) if hours else terms.default
    if length is None:
        raise DomainError("Say for how many hours: hours=24", field="hours")
    latest, end = terms.latest(lease), now + length
    if latest and end > latest and not exceeds:
        if hours or latest < lease.ends_at + LEAST_GAIN or latest < now + LEAST_GAIN:
            raise ForbiddenError(
                f"It may last until {moment(latest)} ({terms.most_hours} h in all): {WHO_MAY} may allow more",
                field="hours",
            )
        end = latest
    if end < max(lease.ends_at, now) + LEAST_GAIN and lease.ended_at is None:
        raise ConflictError(f"It lasts until {moment(lease.ends_at)} already", field="hours")
    return end


def may_exceed(actor: Actor, clone: Clone) -> bool:
    """Whether the greatest length is no limit to them."""
    if actor.is_administrator:
        return True
    return bool(clone.team and actor.user and rights.is_in(actor.user, clone.team, rights.OWN))


def policy_of(*, team: Team | None = None, base: BaseImage | None = None) -> Length:
    """What was said of a team's or a base's clones; nothing where the site's lengths hold."""
    found = LeasePolicy.objects.filter(team=team, base=base).first()
    return Length(found.default_hours, found.most_hours) if found else Length(None, None)


def may_rule(actor: Actor, *, team: Team | None = None) -> bool:
    """Whether they say how long clones last: of a team its owners, of a base curators."""
    if team is None:
        return actor.is_curator
    if actor.is_administrator:
        return True
    return bool(actor.user and rights.is_in(actor.user, team, rights.OWN))


def policy_set(
    *, actor: Actor, length: Length, team: Team | None = None, base: BaseImage | None = None
) -> Length:
    """How long clones of a team or of a base last. Without any length the site's hold again."""
    subject = team or base
    target = f"team:{team}" if team else f"base:{base}"
    params = {"default": length.default_hours, "most": length.most_hours}
    with operation(actor, "lease", target=target, params=params) as op, transaction.atomic():
        if team:
            rights.require_team(actor, rights.OWN, team)
        elif not actor.is_curator:
            raise ForbiddenError(f"Only a curator may say how long clones of {subject} last")
        checked(length)
        kept = {"default_hours": length.default_hours, "most_hours": length.most_hours}
        before = LeasePolicy.objects.filter(team=team, base=base).values(*kept).first()
        op.changed(before or {}, kept)
        if length == Length(None, None):
            LeasePolicy.objects.filter(team=team, base=base).delete()
        else:
            LeasePolicy.objects.update_or_create(team=team, base=base, defaults=kept)
        ring("people", "bases")
        return length


def checked(length: Length) -> None:
    """A length that is longer than the greatest would never be used."""
    for field, value in (("default", length.default_hours), ("most", length.most_hours)):
        if value is not None and not 1 <= value <= MOST_HOURS:
            raise DomainError(f"{field}={value}: write hours from 1 to {MOST_HOURS}", field=field)
    if length.default_hours and length.most_hours and length.default_hours > length.most_hours:
        raise DomainError(
            f"default={length.default_hours} is more than most={length.most_hours}", field="default"
        )
