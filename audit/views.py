from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from audit.exports import export_begin
from audit.pages import list_context
from audit.saved_views import view_remove, view_save
from audit.services import actor_of
from cowweb.errors import DomainError
from cowweb.http import back, streamed, told
from cowweb.signed import signed_in


@require_GET
def audit_list(request: HttpRequest) -> HttpResponse:
    partial = getattr(request, "htmx", False) and not request.htmx.boosted  # type: ignore[attr-defined]
    template = "audit/_entry_rows.html" if partial else "audit/entry_list.html"
    return render(request, template, list_context(signed_in(request), request.GET.dict()))


@require_GET
def audit_export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The filtered record as a file: `?format=csv` or `jsonl`, with the page's own filters."""
    try:
        export = export_begin(request.GET.dict(), request.GET.get("format", "csv"), actor=actor_of(request))
    except DomainError as error:
        told(request, error)
        return back(request, "audit-list")
    response = StreamingHttpResponse(streamed(request, export.pieces), content_type=export.content_type)
    response["Content-Disposition"] = f'attachment; filename="{export.name}"'
    return response


@require_POST
def audit_view_save(request: HttpRequest) -> HttpResponse:
    try:
        view = view_save(
            name=request.POST.get("name", ""), query=request.POST.dict(), actor=actor_of(request)
        )
    except DomainError as error:
        told(request, error)
        return back(request, "audit-list")
    return HttpResponse(status=303, headers={"Location": f"{reverse('audit-list')}?{view.query}"})


@require_POST
def audit_view_remove(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        view_remove(pk=pk, actor=actor_of(request))
    except DomainError as error:
        told(request, error)
    return back(request, "audit-list")
