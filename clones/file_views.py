"""The Files tab of a clone and its terminal: get, check, call one service, render."""

from collections.abc import Iterator

from csp.constants import NONCE, SELF
from csp.decorators import csp_update
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import Actor, actor_of
from clones.file_models import FileCopy
from clones.files import Sent, copy_cancel, copy_in, copy_numbered, copy_out
from clones.models import Clone
from clones.named import clone_named
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import back, told
from cowweb.signed import signed_in
from hosts.errors import DriverError
from people import rights


def clone_or_404(name: str, actor: Actor) -> Clone:
    try:
        return clone_named(name, actor)
    except NotFoundError as error:
        raise Http404(str(error)) from None


@require_POST
def files_send(request: HttpRequest, name: str) -> HttpResponse:
    """Files, or a folder whose paths the page tells beside them."""
    actor, path = actor_of(request), request.POST.get("path", "")
    clone = clone_or_404(name, actor)
    try:
        copy_in(clone=clone, remote=path, sent=list(sent_of(request)), actor=actor)
    except (DomainError, DriverError) as error:
        return begun(request, name, str(error))
    return begun(request, name)


def begun(request: HttpRequest, name: str, refusal: str = "") -> HttpResponse:
    """Back to the page; the page's own script stays on it, and shows a refusal itself."""
    if getattr(request, "htmx", False):
        return HttpResponse(refusal, status=422 if refusal else 204, content_type="text/plain; charset=utf-8")
    if refusal:
        told(request, refusal)
    return back(request, "clone-detail", name=name)


def sent_of(request: HttpRequest) -> Iterator[Sent]:
    files, paths = request.FILES.getlist("files"), request.POST.getlist("paths")
    for at, file in enumerate(files):
        path = paths[at] if at < len(paths) and paths[at] else file.name
        yield Sent(path or "", file.chunks())


@require_POST
def files_ask(request: HttpRequest, name: str) -> HttpResponse:
    """Has something copied out."""
    actor = actor_of(request)
    clone = clone_or_404(name, actor)
    try:
        copy_out(clone=clone, remote=request.POST.get("remote", ""), actor=actor)
    except (DomainError, DriverError) as error:
        return begun(request, name, str(error))
    return begun(request, name)


@require_POST
def files_cancel(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Ends a copy that waits or is under way."""
    actor = actor_of(request)
    clone_or_404(name, actor)
    try:
        copy_cancel(copy=copy_numbered(pk, actor), actor=actor)
    except NotFoundError as error:
        raise Http404(str(error)) from None
    except DomainError as error:
        return begun(request, name, str(error))
    return begun(request, name)


@require_GET
def files_fetch(request: HttpRequest, name: str, pk: int) -> HttpResponseBase:
    """What was copied out, as a download: never shown as a page of this site's."""
    actor = actor_of(request)
    clone = clone_or_404(name, actor)
    rights.require(actor, rights.USE, clone)
    copy = FileCopy.objects.filter(pk=pk, clone=clone).first()
    if copy is None or not copy.can_be_fetched:
        raise Http404("That copy is no longer here: ask for it again")
    file = copy.folder / (f"{copy.name}.tar" if copy.is_folder else copy.name)
    response = FileResponse(file.open("rb"), as_attachment=True, filename=file.name)
    response["Content-Type"] = "application/octet-stream"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@csp_update({"style-src": [SELF, NONCE]})  # type: ignore[arg-type]  # it knows no arguments of views
@require_GET
def clone_terminal(request: HttpRequest, name: str) -> HttpResponse:
    """A page that is a terminal; its library writes a style sheet, which the nonce lets it."""
    clone = clone_or_404(name, actor_of(request))
    context = {"clone": clone, "may_use": rights.may(signed_in(request), rights.USE, clone)}
    return render(request, "clones/terminal.html", context)
