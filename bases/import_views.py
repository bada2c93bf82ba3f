"""Pages of imports, for curators: get, check, bind, call one service, render."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from bases.arrivals import Wanted, import_begin, import_cancel, import_named, outside
from bases.catalogue import catalogue, image_named
from bases.forms import ImportForm, PathForm, UploadForm, UrlForm
from bases.imports import images_offered
from bases.models import Import
from bases.pages import import_context, imports_context
from bases.reach import publishers_reached
from bases.rights import curators_only
from bases.signatures import how_checked
from bases.uploads import MOST_CHUNK, chunk_received, parts_received, received_bytes
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.http import status_of, told, went_to


@require_GET
def import_list(request: HttpRequest) -> HttpResponse:
    try:
        curators_only(actor_of(request))
    except ForbiddenError as error:
        return refused(request, error)
    return imports_page(request)


def imports_page(request: HttpRequest, *, status: int = 200, **forms: ImportForm) -> HttpResponse:
    every = {"url_form": UrlForm(), "upload_form": UploadForm(), "path_form": PathForm(), **forms}
    context = {**imports_context(), "offered": images_offered(), **every}
    return render(request, "bases/import_list.html", context, status=status)


def refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The error page with its reason."""
    status = status_of(error)
    page = f"{status}.html" if status in (403, 404) else "400.html"
    return render(request, page, {"exception": error}, status=status)


@require_POST
def import_url(request: HttpRequest) -> HttpResponse:
    form = UrlForm(request.POST)
    return begun(request, form, "url_form", Import.Way.URL)


@require_POST
def import_path(request: HttpRequest) -> HttpResponse:
    form = PathForm(request.POST)
    return begun(request, form, "path_form", Import.Way.PATH)


@require_POST
def import_upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    return begun(request, form, "upload_form", Import.Way.UPLOAD)


def begun(request: HttpRequest, form: ImportForm, key: str, way: str) -> HttpResponse:
    """The import's page, or the form with what is wrong at its field."""
    actor = actor_of(request)
    try:
        curators_only(actor)
        if form.is_valid():
            arriving = import_begin(wanted(form, way), actor=actor)
            if file := form.cleaned_data.get("file"):
                parts_received(arriving, offset=0, parts=file.chunks(), actor=actor)
            return went_to(request, "import-detail", pk=arriving.pk)
    except DomainError as error:
        if isinstance(error, ForbiddenError) and error.field not in form.fields:
            return refused(request, error)
        form.add_error(error.field if error.field in form.fields else None, str(error))
    forms: dict[str, ImportForm] = {key: form}
    return imports_page(request, status=422, **forms)


def wanted(form: ImportForm, way: str) -> Wanted:
    data: dict[str, Any] = form.cleaned_data
    return Wanted(
        name=data["name"],
        way=way,
        url=data.get("url", ""),
        digest=data["digest"],
        file_name=data.get("path") or data.get("file_name", ""),
        file_modified=data.get("file_modified") or 0,
        size=data.get("size") or 0,
        facts=form.facts(),
    )


@require_GET
def import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        arriving = import_named(pk, actor_of(request))
    except DomainError as error:
        return refused(request, error)
    return render(request, "bases/import_detail.html", import_context(arriving))


@require_POST
def import_cancel_view(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    try:
        import_cancel(arriving=import_named(pk, actor), actor=actor)
    except (ForbiddenError, NotFoundError) as error:
        return refused(request, error)
    except DomainError as error:
        told(request, error)
    return went_to(request, "import-detail", pk=pk)


@require_POST
def import_chunk(request: HttpRequest, pk: int) -> HttpResponse:
    """The next piece of an upload. However it ends, the answer says where to go on."""
    actor, arriving, offset = actor_of(request), None, request.GET.get("offset", "")
    try:
        arriving = import_named(pk, actor)
        if not (offset.isascii() and offset.isdecimal()):
            raise DomainError("offset= is a number of bytes", field="offset")
        chunk_received(arriving, offset=int(offset), chunk=request.read(MOST_CHUNK + 1), actor=actor)
        arriving.refresh_from_db()
    except DomainError as error:
        status = 409 if isinstance(error, ConflictError) else status_of(error)
        here = received_bytes(arriving) if arriving else 0
        return JsonResponse({"error": str(error), "received": here}, status=status)
    return JsonResponse({"received": arriving.received, "state": arriving.state})


@require_GET
def catalogue_list(request: HttpRequest) -> HttpResponse:
    try:
        curators_only(actor_of(request))
    except ForbiddenError as error:
        return refused(request, error)
    images = [{"image": image, "checked": how_checked(image)} for image in catalogue()]
    looked = reach_context() if "reach" in request.GET else {}
    return render(request, "bases/catalogue.html", {"images": images, **looked})


@require_GET
def catalogue_reach(request: HttpRequest) -> HttpResponse:
    """Whether the publishers answer; asked for once the page is there, as it may take seconds."""
    try:
        curators_only(actor_of(request))
    except ForbiddenError as error:
        return refused(request, error)
    return render(request, "bases/_reach.html", reach_context())


def reach_context() -> dict[str, Any]:
    reached = publishers_reached(outside.network())
    answers = [one.answers for one in reached]
    return {"reached": reached, "reached_all": all(answers), "reached_none": not any(answers)}


@require_POST
def catalogue_import(request: HttpRequest, key: str) -> HttpResponse:
    """An image of the catalogue, with what its publisher says of it."""
    try:
        image = image_named(key)
        wanted = Wanted(
            name=request.POST.get("name") or image.key,
            way=Import.Way.URL,
            url=image.url,
            image_key=image.key,
            facts={"os": image.os, "ssh_user": image.ssh_user, "description": image.name},
        )
        arriving = import_begin(wanted, actor=actor_of(request))
    except (ForbiddenError, NotFoundError) as error:
        return refused(request, error)
    except DomainError as error:
        told(request, error)
        return went_to(request, "base-catalogue")
    return went_to(request, "import-detail", pk=arriving.pk)
