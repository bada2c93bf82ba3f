"""Invitations: a link, good once and for some days, that leads to an account and into a team.

Example::

    invitation, secret = invitation_make(Guest(team=team, role="member"), actor=actor)
    user = invitation_accept(secret, Newcomer("mia", "a-long-password"), origin=actor_of(request))
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.live import ring
from people import secret as secrets
from people.accounts import Newcomer, account_made
from people.models import Invitation, Membership, Team
from people.rights import OWN, require_administrator, require_team
from people.teams import NO_PLACE, placed

NOT_GOOD = "This invitation is not good any more: it was used, withdrawn, or is too old. Ask for a new one."
LONGEST_DAYS = 90


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is invited, and to what."""

    team: Team | None = None
    role: str = Membership.Role.MEMBER
    whom: str = ""
    days: int = 7


def invitation_make(guest: Guest, *, actor: Actor) -> tuple[Invitation, str]:
    """A new invitation and the secret of its link, which is not kept."""
    params = {"whom": guest.whom, "role": guest.role, "days": guest.days}
    with operation(actor, "invite", target=f"team:{guest.team}" if guest.team else "site", params=params):
        if guest.team:
            require_team(actor, OWN, guest.team)
        else:
            require_administrator(actor)
        if not 1 <= guest.days <= LONGEST_DAYS:
            raise DomainError(f"days={guest.days} is not from 1 to {LONGEST_DAYS}", field="days")
        if guest.role not in Membership.Role.values:
            raise DomainError(NO_PLACE.format(guest.role), field="role")
        if actor.user is None:
            raise ForbiddenError("An invitation is someone's")
        made = secrets.fresh()
        invitation = Invitation.objects.create(
            digest=secrets.digest(made),
            whom=guest.whom,
            team=guest.team,
            role=guest.role,
            invited_by=actor.user,
            expires_at=timezone.now() + timedelta(days=guest.days),
        )
        ring("people")
        return invitation, made


def invitation_of(secret: str) -> Invitation:
    """The open invitation behind a link."""
    found = Invitation.objects.open().for_list().filter(digest=secrets.digest(secret)).first()
    if found is None:
        raise NotFoundError(NOT_GOOD)
    return found


def invitation_open(pk: int) -> Invitation:
    """The same for who has shown its secret before."""
    found = Invitation.objects.open().for_list().filter(pk=pk).first()
    if found is None:
        raise NotFoundError(NOT_GOOD)
    return found


def invitation_withdraw(*, invitation: Invitation, actor: Actor) -> None:
    with operation(actor, "withdraw_invitation", target=str(invitation), params={"whom": invitation.whom}):
        if invitation.team:
            require_team(actor, OWN, invitation.team)
        else:
            require_administrator(actor)
        if not Invitation.objects.open().filter(pk=invitation.pk).update(withdrawn_at=timezone.now()):
            raise ConflictError(NOT_GOOD)
        ring("people")


def invitation_accept(secret: str, newcomer: Newcomer, *, origin: Actor) -> User:
    """Makes the newcomer's account. `origin` says from where; who acts is the newcomer."""
    invitation = invitation_of(secret)
    try:
        return accepted(invitation, newcomer, origin)
    except DomainError:
        with operation(origin, "accept_invitation", target=str(invitation)):
            raise


def accepted(invitation: Invitation, newcomer: Newcomer, origin: Actor) -> User:
    """Account, place and entry come to be at once or not at all."""
    with transaction.atomic():
        user = account_made(newcomer)
        with operation(replace(origin, user=user), "accept_invitation", target=str(invitation)):
            used(invitation, user)
    return user


def invitation_join(invitation: Invitation, *, actor: Actor) -> Invitation:
    """Brings someone who has an account into the invitation's team."""
    with operation(actor, "accept_invitation", target=str(invitation)):
        if invitation.team is None or actor.user is None:
            raise ConflictError("This invitation makes an account, and you have one: pass it on, or sign out")
        if invitation.team.memberships.filter(user=actor.user).exists():
            raise ConflictError(f"You are in {invitation.team} already")
        with transaction.atomic():
            used(invitation, actor.user)
        return invitation


def used(invitation: Invitation, user: User) -> None:
    """Marks it accepted where it still is open, once; in the caller's transaction."""
    still = Invitation.objects.open().filter(pk=invitation.pk)
    if not still.update(accepted_at=timezone.now(), accepted_by=user):
        raise ConflictError(NOT_GOOD)
    if invitation.team:
        placed(invitation.team, user, invitation.role)
    ring("people")
