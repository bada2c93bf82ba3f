from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.pages import list_context
from cowweb.signed import signed_in


@require_GET
def audit_list(request: HttpRequest) -> HttpResponse:
    partial = getattr(request, "htmx", False) and not request.htmx.boosted  # type: ignore[attr-defined]
    template = "audit/_entry_rows.html" if partial else "audit/entry_list.html"
    return render(request, template, list_context(signed_in(request), request.GET.dict()))
