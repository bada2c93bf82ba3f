"""The page of what the reconciler found, and the decisions on it."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from clones.deciding import finding_decide, finding_numbered
from clones.finding_pages import findings_context
from clones.survey import site_surveyed
from cowweb.errors import DomainError
from cowweb.http import told, went_to
from cowweb.roles import audits
from cowweb.signed import signed_in
from hosts.errors import DriverError
from people import rights


@require_GET
def finding_list(request: HttpRequest) -> HttpResponse:
    """To who may not see them, there is no such page."""
    if not audits(signed_in(request)):
        raise Http404
    partial = getattr(request, "htmx", False) and not request.htmx.boosted  # type: ignore[attr-defined]
    template = "clones/_findings.html" if partial else "clones/finding_list.html"
    return render(request, template, findings_context(signed_in(request), request.GET.dict()))


@require_POST
def finding_decide_view(request: HttpRequest, pk: int) -> HttpResponse:
    actor, decision = actor_of(request), request.POST.get("decision", "")
    try:
        finding = finding_numbered(pk, actor)
        done = finding_decide(finding, decision=decision, actor=actor, name=request.POST.get("name", ""))
        messages.success(request, done)
    except (DomainError, DriverError) as error:
        told(request, str(error))
    return went_to(request, "finding-list")


@require_POST
def survey_view(request: HttpRequest) -> HttpResponse:
    """Compares now instead of within half a minute."""
    try:
        rights.require_administrator(actor_of(request))
        site_surveyed()
    except (DomainError, DriverError) as error:
        told(request, str(error))
    return went_to(request, "finding-list")
