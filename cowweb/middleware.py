"""Every request gets an id; a refusal that no page tells in a place of its own gets the page of its kind."""

import secrets
from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string

from cowweb.errors import ForbiddenError, NotFoundError

NOT_ALLOWED = 405


class RequestIdMiddleware:
    """The id is shown on error pages and written into the audit entry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class RefusalMiddleware:
    """What a view lets through is answered as Django's own refusals are, and is no failure of the site."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == NOT_ALLOWED and request.method == "GET" and request.accepts("text/html"):
            response.content = render_to_string("405.html", {}, request)  # Django's own is a blank page
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        if isinstance(error, ForbiddenError):
            raise PermissionDenied(str(error)) from error
        if isinstance(error, NotFoundError):
            raise Http404(str(error)) from error
