"""The network of one clone: its ports, who answers there, and what it may connect to."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from clones.egress import egress_set
from clones.forms import EgressForm, PortForm
from clones.named import clone_last_named
from clones.pages import network_context
from clones.ports import port_forward
from clones.views import clone_or_404
from cowweb.errors import DomainError
from cowweb.http import back, told
from cowweb.values import InvalidValue
from hosts.errors import DriverError


@require_GET
def clone_network(request: HttpRequest, name: str) -> HttpResponse:
    """The ports with their health. Asked for by pages that show them, so nobody knocks unseen; also by one
    that is open while its clone is removed."""
    clone = clone_last_named(name, actor_of(request).user)
    if clone is None:
        raise Http404(f"Clone {name} not found")
    return render(request, "clones/_ports.html", network_context(clone, look=clone.is_active))


@require_POST
def egress_set_view(request: HttpRequest, name: str) -> HttpResponse:
    clone = clone_or_404(request, name)
    form = EgressForm(request.POST)
    try:
        if form.is_valid():
            egress_set(clone=clone, ports=form.wanted(), actor=actor_of(request))
            messages.success(request, f"What {clone.name} may connect to was changed")
        else:
            told(request, "Choose open, listed or none")
    except (InvalidValue, DomainError, DriverError) as error:
        told(request, str(error))
    return back(request, "clone-detail", name=name)


@require_POST
def port_forward_view(request: HttpRequest, name: str) -> HttpResponse:
    clone = clone_or_404(request, name)
    form = PortForm(request.POST)
    try:
        if form.is_valid():
            port_forward(clone=clone, port=form.cleaned_data["port"], actor=actor_of(request))
        else:
            told(request, "A port is a whole number from 1 to 65535")
    except (DomainError, DriverError) as error:
        told(request, str(error))
    return back(request, "clone-detail", name=name)
