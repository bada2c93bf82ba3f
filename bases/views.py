"""Base pages. Cloning is posted to the clone views; curation is the admin's."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from bases.models import BaseImage
from bases.pages import list_context, page_context
from cowweb.signed import signed_in


@require_GET
def base_list(request: HttpRequest) -> HttpResponse:
    is_partial = getattr(request, "htmx", False)
    template = "bases/_base_cards.html" if is_partial else "bases/base_list.html"
    return render(request, template, list_context(signed_in(request), request.GET))


@require_GET
def base_detail(request: HttpRequest, name: str) -> HttpResponse:
    base = BaseImage.objects.visible_to(signed_in(request)).for_list().filter(name=name).first()
    if base is None:
        raise Http404(f"Base image {name} not found")
    context = page_context(base, request.GET.get("tab", ""), signed_in(request))
    return render(request, "bases/base_detail.html", context)
