"""How long clones of a team or of a base last: set on their pages."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from audit.services import actor_of
from bases.models import BaseImage
from clones.forms import PolicyForm
from clones.leases import policy_set
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import told, went_to
from cowweb.signed import signed_in
from people.models import Team
from people.teams import team_named


@require_POST
def team_lease_view(request: HttpRequest, name: str) -> HttpResponse:
    try:
        team = team_named(name, actor_of(request))
    except NotFoundError as error:
        raise Http404(str(error)) from None
    ruled(request, team=team)
    return went_to(request, "team-detail", name=name)


@require_POST
def base_lease_view(request: HttpRequest, name: str) -> HttpResponse:
    base = BaseImage.objects.visible_to(signed_in(request)).filter(name=name).first()
    if base is None:
        raise Http404(f"Base image {name} not found")
    ruled(request, base=base)
    return redirect(f"{reverse('base-detail', args=[name])}?tab=settings")


def ruled(request: HttpRequest, *, team: Team | None = None, base: BaseImage | None = None) -> None:
    form = PolicyForm(request.POST)
    try:
        if not form.is_valid():
            raise DomainError("A length is a whole number of hours from 1, or empty for the site's")
        policy_set(team=team, base=base, length=form.length(), actor=actor_of(request))
        messages.success(request, f"New clones of {team or base} last as long as you said")
    except DomainError as error:
        told(request, error)
