"""From the dashboard to a guest's port, and links to give away: get, check, call one service, go on."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from clones.models import Clone
from clones.views import clone_or_404
from cowweb.errors import DomainError
from cowweb.http import back, told
from cowweb.signed import signed_in
from links.addresses import Place, address
from links.answers import ENTER
from links.forms import LinkForm
from links.services import link_create, link_of, link_revoke, port_ticket


@require_GET
def link_open(request: HttpRequest, name: str, port: int) -> HttpResponse:
    """Takes the browser over to the port's own host name, with a ticket."""
    clone = clone_or_404(request, name)
    try:
        ticket = port_ticket(clone=clone, port=port, actor=actor_of(request))
    except DomainError as error:
        told(request, error)
        return redirect("clone-detail", name=name)
    there = address(Place(clone.pk, port), request.scheme or "http", request.get_host())
    response = redirect(f"{there}{ENTER}?ticket={ticket}")
    response["Cache-Control"] = "no-store"
    return response


@require_GET
def port_numbered(request: HttpRequest, clone: int, port: int) -> HttpResponse:
    """From a port's own host name, which knows its clone by number only, to the way in."""
    seen = Clone.objects.live().visible_to(signed_in(request))
    return redirect("link-open", name=get_object_or_404(seen, pk=clone).name, port=port)


@require_POST
def link_create_view(request: HttpRequest, name: str) -> HttpResponse:
    clone = clone_or_404(request, name)
    form = LinkForm(request.POST)
    try:
        if form.is_valid():
            link_create(clone=clone, actor=actor_of(request), **form.cleaned_data)
            messages.success(request, "The link is below: copy it, and give it to whom you like")
        else:
            told(request, "Choose a forwarded port and how long the link lasts")
    except DomainError as error:
        told(request, error)
    return back(request, "clone-detail", name=name)


@require_POST
def link_revoke_view(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    clone = clone_or_404(request, name)
    try:
        link_revoke(link=link_of(clone, pk), actor=actor_of(request))
        messages.success(request, "The link is revoked; who came in by it is out")
    except DomainError as error:
        told(request, error)
    return back(request, "clone-detail", name=name)
