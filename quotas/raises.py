"""Requests for more than a quota gives: asked for with a reason and a day, decided with a note.

Example::

    one = raise_request(account=account, quota="memory", most=16384, until=day, why="load test", actor=mia)
    raise_approve(request=one, note="this week only", actor=owner)    # in force until its day, and not longer
"""

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.services import SYSTEM, Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.live import ring
from cowweb.roles import administers
from people.models import Membership
from people.rights import SEE, USE, everywhere, is_in
from quotas.amounts import NOUNS, in_words
from quotas.limits import limits_of
from quotas.models import Account, Quota, Raise, RaiseQuerySet
from quotas.setting import require_decider
from quotas.usage import holder_of

State = Raise.State
WHY_CHARACTERS = 500
WAITING_KEY = "quotas.waiting"
WAITING_KEPT_S = 60  # as long as another process may not know of a new one


def raises_for(actor: Actor) -> RaiseQuerySet:
    """Those one may see: one's own and of one's teams, and of the people of teams one owns."""
    found = Raise.objects.for_list()
    user = actor.user
    if user is None or everywhere(user, SEE):
        return found
    places = Membership.objects.filter(user=user)
    mine = Q(account__user=user) | Q(asked_by=user) | Q(account__team__in=places.values("team"))
    return found.filter(mine | Q(account__user__in=workers_under(user)))


def waiting_for(user: User) -> int:
    """How many requests this person is to decide. Every page asks, so that there are none is kept."""
    every: int | None = cache.get(WAITING_KEY)
    if every is None:
        every = Raise.objects.waiting().count()
        cache.set(WAITING_KEY, every, WAITING_KEPT_S)
    if not every:
        return 0
    waiting = Raise.objects.waiting()
    if not administers(user):
        waiting = waiting.filter(account__user__in=workers_under(user)).exclude(account__user=user)
    return waiting.count()


def waiting_changed() -> None:
    transaction.on_commit(partial(cache.delete, WAITING_KEY))


def workers_under(user: User) -> QuerySet[Membership, int]:
    """Who works in a team that this person owns."""
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER).values("team")
    workers = Membership.objects.filter(team__in=owned).exclude(role=Membership.Role.VIEWER)
    return workers.values_list("user", flat=True)


def raise_named(pk: int, actor: Actor) -> Raise:
    request = raises_for(actor).filter(pk=pk).first()
    if request is None:
        raise NotFoundError(f"Request {pk} not found", field="request")
    return request


def raise_request(
    *, account: Account, quota: Quota, most: int, until: datetime, why: str, actor: Actor
) -> Raise:
    """Asks for a higher limit of one's own or of a team that one works in."""
    params = {"quota": quota.value, "limit": most, "until": until.isoformat(), "why": why}
    with operation(actor, "request_quota", target=account.target, params=params):
        if actor.user is None or not may_ask(actor, account):
            raise ForbiddenError("You may ask for yourself, and for teams whose member or owner you are")
        if not why.strip() or len(why) > WHY_CHARACTERS:
            raise DomainError(f"Say why in 1 to {WHY_CHARACTERS} characters", field="why")
        if until <= timezone.now():
            raise DomainError("That day is over", field="until")
        holder = holder_of(account)
        limit = limits_of([holder])[holder][quota].most
        if limit is None or most <= limit:
            has = "has no limit" if limit is None else f"may use {in_words(quota, limit)} already"
            raise ConflictError(f"{account} {has}: {NOUNS[quota]}", field="limit")
        with transaction.atomic():
            checked_open(account, quota)
            request = Raise.objects.create(
                account=account, quota=quota, most=most, until=until, why=why.strip(), asked_by=actor.user
            )
            waiting_changed()
            ring("quotas")
        return request


def may_ask(actor: Actor, account: Account) -> bool:
    if actor.user is None:
        return False
    if account.team:
        return is_in(actor.user, account.team, USE)
    return account.user_id == actor.user.pk


def checked_open(account: Account, quota: Quota) -> None:
    """One request for one thing at a time."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    waiting = account.raises.filter(state=State.ASKED, until__gt=timezone.now(), quota=quota).first()
    if waiting:
        raise ConflictError(f"Request {waiting.pk} for that waits already: withdraw it first", field="quota")


def raise_moved(request: Raise, *, to: str, since: str, **fields: Any) -> None:
    """The one door for a request's state."""
    with transaction.atomic():
        if not Raise.objects.filter(pk=request.pk, state=since).update(state=to, **fields):
            request.refresh_from_db(fields=["state"])
            raise ConflictError(f"Request {request.pk} is {request.state}; that is not possible now")
        waiting_changed()
        ring("quotas")
    request.refresh_from_db()


def decided(actor: Actor, note: str) -> dict[str, Any]:
    if len(note) > WHY_CHARACTERS:
        raise DomainError(f"A note has {WHY_CHARACTERS} characters at most", field="note")
    return {"decided_by": actor.user, "decided_at": timezone.now(), "note": note.strip()}


def raise_approve(*, request: Raise, note: str, actor: Actor) -> Raise:
    """Gives what was asked for, until the day that was asked for."""
    params = {"request": request.pk, "quota": request.quota, "limit": request.most, "note": note}
    with operation(actor, "approve", target=request.account.target, params=params):
        require_decider(actor, request.account, Quota(request.quota), request.most)
        if request.until <= timezone.now():
            raise ConflictError(f"Request {request.pk} was for a time that is over")
        raise_moved(request, to=State.APPROVED, since=State.ASKED, **decided(actor, note))
        return request


def raise_refuse(*, request: Raise, note: str, actor: Actor) -> Raise:
    """Says no, or ends early what was given. The note says why."""
    params = {"request": request.pk, "quota": request.quota, "limit": request.most, "note": note}
    with operation(actor, "refuse", target=request.account.target, params=params):
        require_decider(actor, request.account, Quota(request.quota), 0)
        if not note.strip():
            raise DomainError("Say why in a note", field="note")
        since = State.APPROVED if request.state == State.APPROVED else State.ASKED
        to = State.ENDED if since == State.APPROVED else State.REFUSED
        raise_moved(request, to=to, since=since, **decided(actor, note))
        return request


def raise_withdraw(*, request: Raise, actor: Actor) -> Raise:
    """Takes back one's own request while it waits."""
    with operation(actor, "withdraw_request", target=request.account.target, params={"request": request.pk}):
        if actor.user is None or request.asked_by_id != actor.user.pk:
            raise ForbiddenError("Only who made a request takes it back")
        raise_moved(request, to=State.WITHDRAWN, since=State.ASKED)
        return request


def raises_ended() -> int:
    """Writes down, once, that the time of a raise is over. It gave nothing any more before that."""
    over = Raise.objects.for_list().filter(state=State.APPROVED, until__lte=timezone.now())
    ended = [
        one for one in over if Raise.objects.filter(pk=one.pk, state=State.APPROVED).update(state=State.ENDED)
    ]
    for request in ended:
        with operation(SYSTEM, "end_raise", target=request.account.target, params={"request": request.pk}):
            ring("quotas")
    return len(ended)
