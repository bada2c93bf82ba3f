"""A person's own pages: settings and tokens; and the page that an invitation leads to."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import status_of, told, went_to
from cowweb.signed import signed_in
from people.accounts import Newcomer
from people.door_views import sso_name
from people.forms import JoinForm, SettingsForm, TokenForm
from people.invitations import invitation_accept, invitation_join, invitation_of
from people.models import Token
from people.pages import settings_context, tokens_context
from people.persons import person_named, settings_set
from people.rights import team_chosen
from people.sign_in import proved
from people.tokens import Asked, may_speak_for, token_make, token_revoke


@require_http_methods(["GET", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    user, form, status = signed_in(request), None, 200
    if request.method == "POST":
        form = SettingsForm(request.POST)
        if form.is_valid():
            try:
                actor, data = actor_of(request), form.cleaned_data
                team = team_chosen(actor, data.pop("team") or "none")
                settings_set(user=user, team=team, actor=actor, **data)
                messages.success(request, "Your settings are kept")
                return redirect("settings")
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, str(error))
        status = 422
    return render(request, "people/settings.html", {**settings_context(user), "form": form}, status=status)


def spoken_for(request: HttpRequest, name: str) -> User:
    """One's own account, or a program's one may make tokens for; any other is not there."""
    try:
        user = person_named(name)
    except NotFoundError:
        raise Http404 from None
    if not may_speak_for(actor_of(request), user):
        raise Http404
    return user


@require_GET
def token_list(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "people/tokens.html", tokens_context(spoken_for(request, name)))


@require_POST
@never_cache
def token_make_view(request: HttpRequest, name: str) -> HttpResponse:
    """The secret is in this one answer and nowhere else."""
    user, form, more = spoken_for(request, name), TokenForm(request.POST), {}
    if form.is_valid():
        try:
            token, secret = token_make(Asked(user=user, **form.cleaned_data), actor=actor_of(request))
            more = {"made": token, "secret": secret}
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {**tokens_context(user), **more, "token_form": None if more else form}
    return render(request, "people/tokens.html", context, status=200 if more else 422)


@require_POST
def token_revoke_view(request: HttpRequest, pk: int) -> HttpResponse:
    token = Token.objects.select_related("user__person").filter(pk=pk).first()
    if token is None or not may_speak_for(actor_of(request), token.user):
        raise Http404
    try:
        token_revoke(token=token, actor=actor_of(request))
    except DomainError as error:
        told(request, str(error))
    return went_to(request, "token-list", name=token.user.username)


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """From an invitation to an account, signed in; or, for who has one, into the team."""
    try:
        invitation = invitation_of(secret)
        if request.method == "POST" and request.user.is_authenticated:
            team = invitation_join(invitation, actor=actor_of(request)).team
            return went_to(request, "team-detail", name=team.name if team else "")
    except DomainError as error:
        return render(request, "people/join_closed.html", {"reason": str(error)}, status=status_of(error))
    form = JoinForm(request.POST) if request.method == "POST" else None
    if form and form.is_valid():
        try:
            return entered(request, secret, Newcomer(**form.cleaned_data))
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {"invitation": invitation, "form": form, "secret": secret, **other_ways()}
    return render(request, "people/join.html", context, status=422 if form else 200)


def other_ways() -> dict[str, object]:
    """How else than by a password of their own somebody may accept."""
    return {"sso_name": sso_name(), "by_directory": bool(settings.COWWEB_LDAP_URL)}


def entered(request: HttpRequest, secret: str, newcomer: Newcomer) -> HttpResponse:
    user = invitation_accept(secret, newcomer, origin=actor_of(request))
    return redirect(proved(request, user, "invitation", reverse("overview")))
