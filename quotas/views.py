"""Quota pages: get, check, bind, call one service, render."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import status_of, went_to
from cowweb.signed import signed_in
from people.teams import team_named
from quotas.forms import DecisionForm, LimitForm, RequestForm
from quotas.models import Quota, Raise
from quotas.pages import account_of, page_context, request_context
from quotas.raises import raise_approve, raise_named, raise_refuse, raise_request, raise_withdraw
from quotas.setting import person_account, quota_set, team_account


@require_GET
def quota_list(request: HttpRequest) -> HttpResponse:
    try:
        context = page_context(signed_in(request), request.GET.get("of", ""), request.GET)
    except NotFoundError as error:
        raise Http404(str(error)) from None
    if (quota := request.GET.get("ask")) in Quota.values:
        context["form"] = RequestForm(initial={"quota": quota})
    return render(request, "quotas/quota_list.html", context)


@require_POST
def request_make_view(request: HttpRequest) -> HttpResponse:
    form, actor, status = RequestForm(request.POST), actor_of(request), 422
    if form.is_valid():
        try:
            team = form.cleaned_data["team"]
            account = team_account(team_named(team, actor)) if team else person_account(signed_in(request))
            made = raise_request(account=account, actor=actor, **form.wanted())
            return went_to(request, "quota-request", pk=made.pk)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
            status = status_of(error)
    context = {**page_context(signed_in(request)), "form": form}
    return render(request, "quotas/quota_list.html", context, status=status)


@require_POST
def quota_set_view(request: HttpRequest) -> HttpResponse:
    form, actor = LimitForm(request.POST), actor_of(request)
    of = request.POST.get("of", "")
    try:
        account = account_of(of, signed_in(request))
        if not form.is_valid():
            raise DomainError("A limit is an amount, none, or empty for the default", field="limit")
        quota_set(account=account, actor=actor, **form.wanted())
        messages.success(request, f"Limits of {account} are set")
    except NotFoundError as error:
        raise Http404(str(error)) from None
    except DomainError as error:
        messages.error(request, str(error))
        context = page_context(signed_in(request), "" if of.startswith("quota:") else of)
        return render(request, "quotas/quota_list.html", context, status=status_of(error))
    back = reverse("quota-list")
    return redirect(back if of.startswith("quota:") else f"{back}?of={of}")


def request_or_404(request: HttpRequest, pk: int) -> Raise:
    try:
        return raise_named(pk, actor_of(request))
    except NotFoundError as error:
        raise Http404(str(error)) from None


@require_GET
def request_detail(request: HttpRequest, pk: int) -> HttpResponse:
    found = request_or_404(request, pk)
    return render(request, "quotas/request_detail.html", request_context(found, signed_in(request)))


@require_POST
def request_decide_view(request: HttpRequest, pk: int) -> HttpResponse:
    found, form = request_or_404(request, pk), DecisionForm(request.POST)
    if not form.is_valid():
        raise Http404
    try:
        decided(found, form, request)
    except DomainError as error:
        messages.error(request, str(error))
        found.refresh_from_db()
        context = request_context(found, signed_in(request))
        return render(request, "quotas/request_detail.html", context, status=status_of(error))
    return went_to(request, "quota-request", pk=pk)


def decided(found: Raise, form: DecisionForm, request: HttpRequest) -> None:
    verb, note, actor = form.cleaned_data["verb"], form.cleaned_data["note"], actor_of(request)
    if verb == "withdraw":
        raise_withdraw(request=found, actor=actor)
    else:
        {"approve": raise_approve, "refuse": raise_refuse}[verb](request=found, note=note, actor=actor)
