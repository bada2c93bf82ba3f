"""One person, as administrators see them; and what the site asks of everyone."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import told, went_to
from cowweb.roles import administers
from cowweb.signed import signed_in
from people.pages import person_context
from people.passwords import reset_link
from people.persons import person_named
from people.policy import policy_set
from people.second_factor import factors_removed
from people.visits import visits_ended


def person_or_404(request: HttpRequest, name: str) -> User:
    """For administrators; to everyone else each name is as unknown as any."""
    if not administers(signed_in(request)):
        raise Http404
    try:
        return person_named(name)
    except NotFoundError:
        raise Http404 from None


@require_GET
def person_detail(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "people/person_detail.html", person_context(person_or_404(request, name)))


def done(request: HttpRequest, user: User, words: str, work: Callable[[], object]) -> HttpResponse:
    try:
        work()
        messages.success(request, words)
    except DomainError as error:
        told(request, error)
    return went_to(request, "person-detail", name=user.username)


@require_POST
def sessions_end(request: HttpRequest, name: str) -> HttpResponse:
    user = person_or_404(request, name)
    words = f"{name} is signed out everywhere"
    return done(request, user, words, lambda: visits_ended(user=user, actor=actor_of(request)))


@require_POST
def factors_remove(request: HttpRequest, name: str) -> HttpResponse:
    user = person_or_404(request, name)
    words = f"{name} signs in with the password alone, until a second factor is set up again"
    return done(request, user, words, lambda: factors_removed(user=user, actor=actor_of(request)))


@require_POST
@never_cache
def password_link(request: HttpRequest, name: str) -> HttpResponse:
    """The link is in this one answer and nowhere else."""
    user = person_or_404(request, name)
    try:
        uid, token = reset_link(user=user, actor=actor_of(request)).split("/")
    except DomainError as error:
        told(request, error)
        return went_to(request, "person-detail", name=name)
    link = request.build_absolute_uri(reverse("password-reset", args=[uid, token]))
    return render(request, "people/person_detail.html", {**person_context(user), "link": link})


@require_POST
def policy_view(request: HttpRequest) -> HttpResponse:
    try:
        ended = policy_set(second_factor=request.POST.get("second_factor", ""), actor=actor_of(request))
        also = f" {ended} browsers were signed out." if ended else ""
        messages.success(request, "The policy is set." + also)
    except DomainError as error:
        told(request, error)
    return went_to(request, "people-list")
