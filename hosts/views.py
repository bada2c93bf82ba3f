from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from hosts.pages import list_context
from hosts.services import host_look


@require_GET
def host_list(request: HttpRequest) -> HttpResponse:
    return render(request, "hosts/host_list.html", list_context())


@require_POST
def host_look_view(request: HttpRequest) -> HttpResponse:
    host_look()
    return redirect("host-list")
