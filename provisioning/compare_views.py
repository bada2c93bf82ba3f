"""Two runs side by side."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.services import actor_of
from cowweb.errors import DomainError
from provisioning.compare_pages import compare_context


@require_GET
def run_compare(request: HttpRequest) -> HttpResponse:
    try:
        context = compare_context(actor_of(request), request.GET.get("a", ""), request.GET.get("b", ""))
    except DomainError as error:
        raise Http404(str(error)) from None
    return render(request, "provisioning/run_compare.html", context)
