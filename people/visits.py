"""Where people are signed in: each browser a visit, ended by its person or an administrator.

Example::

    visit_begun(request, user, "password")                       # right after `login`
    visits_ended(user=mia, actor=actor)                    # every browser of hers, sockets too
"""

import time
from datetime import timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.services import Actor, operation
from cowweb.errors import ForbiddenError, NotFoundError
from cowweb.live import ring
from people.models import Visit

VISIT, SEEN, CONFIRMED = "visit", "visit_seen", "confirmed_at"
SEEN_EVERY_S = 60
CONFIRMED_FOR_S = 900


def visit_begun(request: HttpRequest, user: User, method: str) -> Visit:
    """Notes the session that was just made for them."""
    if request.session.session_key is None:
        request.session.save()
    visit = Visit.objects.create(
        user=user,
        session_key=request.session.session_key or "",
        method=method,
        address=address_of(request),
        agent=request.META.get("HTTP_USER_AGENT", "")[:200],
        seen_at=timezone.now(),
    )
    request.session[VISIT], request.session[SEEN] = visit.pk, int(time.time())
    request.session[CONFIRMED] = int(time.time())
    return visit


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", "") or "")[:64]


def visit_seen(request: HttpRequest) -> None:
    """Notes that the browser is still about; not with each request."""
    session = request.session
    if session.get(VISIT) and time.time() - session.get(SEEN, 0) > SEEN_EVERY_S:
        Visit.objects.filter(pk=session[VISIT]).update(
            seen_at=timezone.now(), address=address_of(request), session_key=session.session_key
        )
        session[SEEN] = int(time.time())


def session_cycled(request: HttpRequest) -> None:
    """The visit follows its session to a new key."""
    if request.session.get(VISIT):
        Visit.objects.filter(pk=request.session[VISIT]).update(session_key=request.session.session_key)


def recently_confirmed(session: SessionBase) -> bool:
    """Whether its person proved who they are a short while ago."""
    return time.time() - float(session.get(CONFIRMED, 0)) < CONFIRMED_FOR_S


def confirmed_now(session: SessionBase) -> None:
    session[CONFIRMED] = int(time.time())


def visits_of(user: User) -> "QuerySet[Visit]":
    """Those whose session is still good; the rest is cleared away."""
    oldest = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    Visit.objects.filter(user=user, began_at__lt=oldest).delete()
    return Visit.objects.filter(user=user).for_list()


def visit_end(*, pk: int, actor: Actor) -> None:
    """Signs one browser out."""
    visit = Visit.objects.select_related("user").filter(pk=pk).first()
    if visit is None or not (visit.user == actor.user or actor.is_administrator):
        raise NotFoundError("This session has ended already")
    with operation(actor, "end_session", target=f"user:{visit.user.username}", params=told(visit)):
        closed([visit])


def visits_ended(*, user: User, actor: Actor, but: str = "") -> int:
    """Signs a person out of every browser, or of every one but the session with the key `but`."""
    with operation(actor, "end_sessions", target=f"user:{user.username}"):
        if actor.user != user and not actor.is_administrator:
            raise ForbiddenError(f"Only {user.username} or an administrator may do that")
        return closed(list(Visit.objects.filter(user=user).exclude(session_key=but)))


def closed(visits: list[Visit]) -> int:
    """Ends the sessions themselves, and the sockets that live by them. Writes no audit entry."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for visit in visits:
        store().delete(visit.session_key)
    Visit.objects.filter(pk__in=[visit.pk for visit in visits]).delete()
    ring(*{f"person.{visit.user_id}" for visit in visits})
    return len(visits)


def told(visit: Visit) -> dict[str, str]:
    return {"address": visit.address, "browser": visit.agent}
