"""Pages of people and teams: get, check, bind, call one service, render."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import status_of, told, went_to
from cowweb.signed import signed_in
from people.forms import InviteForm, MemberForm, TeamForm
from people.invitations import Guest, invitation_make, invitation_withdraw
from people.models import Invitation, Team
from people.pages import people_context, team_context
from people.persons import active_set, person_named, role_set
from people.teams import member_remove, member_set, team_create, team_named, team_remove
from people.tokens import service_account_make


@require_GET
def people_list(request: HttpRequest) -> HttpResponse:
    context = people_context(signed_in(request), request.GET.dict())
    return render(request, "people/people_list.html", context)


@require_POST
def team_create_view(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST)
    if form.is_valid():
        try:
            team = team_create(**form.cleaned_data, actor=actor_of(request))
            return went_to(request, "team-detail", name=team.name)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {**people_context(signed_in(request)), "team_form": form}
    return render(request, "people/people_list.html", context, status=422)


def team_or_404(request: HttpRequest, name: str) -> Team:
    try:
        return team_named(name, actor_of(request))
    except NotFoundError as error:
        raise Http404(str(error)) from None


@require_GET
def team_detail(request: HttpRequest, name: str) -> HttpResponse:
    return team_page(request, team_or_404(request, name))


def team_page(request: HttpRequest, team: Team, *, status: int = 200, **more: object) -> HttpResponse:
    context = {**team_context(team, signed_in(request), request.GET.get("page")), **more}
    return render(request, "people/team_detail.html", context, status=status)


@require_POST
def team_remove_view(request: HttpRequest, name: str) -> HttpResponse:
    team = team_or_404(request, name)
    return done(request, lambda: team_remove(team=team, actor=actor_of(request)), team, gone=True)


@require_POST
def member_set_view(request: HttpRequest, name: str) -> HttpResponse:
    team, form = team_or_404(request, name), MemberForm(request.POST)
    if not form.is_valid():
        return team_page(request, team, status=422, member_form=form)
    role = form.cleaned_data["role"]

    def change() -> None:
        user = person_named(form.cleaned_data["user"])
        if role == "none":
            member_remove(team=team, user=user, actor=actor_of(request))
        else:
            member_set(team=team, user=user, role=role, actor=actor_of(request))

    left = role == "none" and form.cleaned_data["user"] == signed_in(request).username
    return done(request, change, team, gone=left)


@require_POST
def program_make_view(request: HttpRequest, name: str) -> HttpResponse:
    team, program = team_or_404(request, name), request.POST.get("name", "")
    return done(request, lambda: service_account_make(name=program, team=team, actor=actor_of(request)), team)


def done(
    request: HttpRequest, work: Callable[[], object], team: Team | None = None, *, gone: bool = False
) -> HttpResponse:
    """Calls the service; a refusal becomes a message, with its status where there is a page for it."""
    try:
        work()
    except DomainError as error:
        if team:
            messages.error(request, str(error))
            return team_page(request, team, status=status_of(error))
        told(request, str(error))
    if team and not gone:
        return went_to(request, "team-detail", name=team.name)
    return went_to(request, "people-list")


@require_POST
def invite_view(request: HttpRequest, name: str = "") -> HttpResponse:
    """The link is in this one answer and nowhere else."""
    team = team_or_404(request, name) if name else None
    form, made = InviteForm(request.POST), {}
    status = 422
    if form.is_valid():
        try:
            guest = Guest(team=team, **form.wanted())
            invitation, secret = invitation_make(guest, actor=actor_of(request))
            link = request.build_absolute_uri(reverse("join", args=[secret]))
            made, status = {"invitation": invitation, "link": link}, 200
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
            status = status_of(error)
    more = {"made": made, "invite_form": form if status != 200 else None}
    if team:
        return team_page(request, team, status=status, **more)
    context = {**people_context(signed_in(request)), **more}
    return render(request, "people/people_list.html", context, status=status)


@require_POST
def withdraw_view(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = Invitation.objects.for_list().filter(pk=pk).first()
    if invitation is None:
        raise Http404
    team = team_or_404(request, invitation.team.name) if invitation.team else None
    return done(request, lambda: invitation_withdraw(invitation=invitation, actor=actor_of(request)), team)


@require_POST
def role_view(request: HttpRequest, name: str) -> HttpResponse:
    return changed(
        request,
        name,
        lambda user: role_set(user=user, role=request.POST.get("role", ""), actor=actor_of(request)),
    )


@require_POST
def active_view(request: HttpRequest, name: str) -> HttpResponse:
    return changed(
        request,
        name,
        lambda user: active_set(user=user, active="enable" in request.POST, actor=actor_of(request)),
    )


def changed(request: HttpRequest, name: str, work: Callable[[User], object]) -> HttpResponse:
    """For administrators; to everyone else each name is as unknown as any."""
    context = people_context(signed_in(request))
    if not context["is_administrator"]:
        raise Http404
    try:
        work(person_named(name))
    except DomainError as error:
        messages.error(request, str(error))
        return render(request, "people/people_list.html", context, status=status_of(error))
    return went_to(request, "people-list")
