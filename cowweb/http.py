"""Small pieces that views share."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from cowweb.errors import DomainError, ForbiddenError, HostFullError, NotFoundError, QuotaError

REFUSAL = "refusal_told"
STATUS = {NotFoundError: 404, ForbiddenError: 403, QuotaError: 409, HostFullError: 409}


def went_to(request: HttpRequest, view: str, /, **kwargs: object) -> HttpResponse:
    """On to another page, with or without htmx."""
    url = reverse(view, kwargs=kwargs)
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(url)
    return redirect(url)


def told(request: HttpRequest, error: DomainError | str) -> None:
    """Shows a refusal on the next page. One that no service has on record is, by `DeniedMiddleware`."""
    messages.error(request, str(error))
    setattr(request, REFUSAL, str(error))


def back(request: HttpRequest, fallback: str, /, **kwargs: object) -> HttpResponse:
    """To where the form was, when that is a page of ours."""
    target = request.POST.get("next", "")
    if target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect(target)
        return redirect(target)
    return went_to(request, fallback, **kwargs)


def streamed(request: HttpRequest, parts: Iterator[str]) -> Iterator[str] | AsyncIterator[str]:
    """For a streaming response: served asynchronously, Django would first take all of a plain iterator."""
    return one_by_one(parts) if isinstance(request, ASGIRequest) else parts


async def one_by_one(parts: Iterator[str]) -> AsyncIterator[str]:
    """Each part as it is wanted, from the request's own thread."""
    while (part := await sync_to_async(following)(parts)) is not None:
        yield part


def following(parts: Iterator[str]) -> str | None:
    return next(parts, None)


def status_of(error: DomainError) -> int:
    """The HTTP status for a refusal."""
    return STATUS.get(type(error), 422)
