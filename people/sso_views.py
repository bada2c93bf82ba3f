"""Out to the single sign-on and back."""

import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError
from cowweb.http import status_of, told, went_to
from cowweb.signed import signed_in
from people.door_views import wanted
from people.invitations import invitation_join, invitation_of, invitation_open
from people.proof import proven
from people.security_views import done
from people.sign_in import on_record, proved
from people.single_sign_on import (
    claims_of,
    identity_connected,
    identity_removed,
    known_person,
    leave_for,
    person_behind,
    person_invited,
    used_a_second_factor,
)

NEXT, CONNECT, JOIN = "sso_next", "sso_connect", "sso_join"
CONNECT_FOR_S = 300


@login_not_required
@never_cache
@require_GET
def sso_start(request: HttpRequest) -> HttpResponse:
    request.session[NEXT] = wanted(request)
    request.session.pop(JOIN, None)
    return left(request)


def left(request: HttpRequest) -> HttpResponse:
    try:
        return leave_for(request, request.build_absolute_uri(reverse("sso-back")))
    except DomainError as error:
        told(request, error)
        return redirect("login")


@login_not_required
@never_cache
@require_POST
def join_sso(request: HttpRequest, secret: str) -> HttpResponse:
    """Out to the provider with an invitation: which one is noted, and not its secret."""
    try:
        invitation = invitation_of(secret)
    except DomainError as error:
        return render(request, "people/join_closed.html", {"reason": str(error)}, status=status_of(error))
    request.session[NEXT], request.session[JOIN] = reverse("overview"), invitation.pk
    return left(request)


@never_cache
@require_http_methods(["GET", "POST"])
def join_waiting(request: HttpRequest) -> HttpResponse:
    """For who has an account, and came with an invitation by way of the provider."""
    try:
        invitation = invitation_open(int(request.session.get(JOIN, 0)))
        if request.method == "POST":
            request.session.pop(JOIN, None)
            team = invitation_join(invitation, actor=actor_of(request)).team
            return went_to(request, "team-detail", name=team.name if team else "")
    except DomainError as error:
        return render(request, "people/join_closed.html", {"reason": str(error)}, status=status_of(error))
    return render(request, "people/join.html", {"invitation": invitation})


@login_not_required
@never_cache
@require_GET
def sso_back(request: HttpRequest) -> HttpResponse:
    target = request.session.pop(NEXT, reverse("overview"))
    connects = time.time() - request.session.pop(CONNECT, 0) < CONNECT_FOR_S
    try:
        if connects and isinstance(request.user, User):
            return connected(request)
        return redirect(entered(request, target))
    except DomainError as error:
        told(request, error)
        return redirect("security" if connects else "login")


def entered(request: HttpRequest, target: str) -> str:
    whole, way = False, target

    def look() -> User:
        nonlocal whole, way
        claims = claims_of(request)
        whole = used_a_second_factor(claims)
        if JOIN not in request.session:
            return person_behind(claims, origin=actor_of(request))
        user = known_person(claims)
        if user is not None:
            way = reverse("join-waiting")
            return user
        invitation = invitation_open(request.session.pop(JOIN))
        return person_invited(claims, invitation, origin=actor_of(request))

    user = on_record(request, None, "single sign-on", look)
    return proved(request, user, "single sign-on", way, whole=whole)


def connected(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    claims = on_record(request, user, "single sign-on", lambda: claims_of(request))
    identity_connected(claims, user=user, actor=actor_of(request))
    messages.success(request, f"{settings.COWWEB_OIDC_NAME} signs you in from now on")
    return redirect("security")


@require_POST
@proven
def sso_connect(request: HttpRequest) -> HttpResponse:
    """Only a form of ours begins it: a link from elsewhere could connect a stranger's identity."""
    request.session[CONNECT] = int(time.time())
    return render(request, "people/sso_connect.html", {"name": settings.COWWEB_OIDC_NAME})


@require_POST
@proven
def sso_remove(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    return done(
        request, "It is disconnected", lambda: identity_removed(pk=pk, user=user, actor=actor_of(request))
    )
