"""The page of the runtimes: get, check, bind, call one service, render."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from audit.services import actor_of
from bases.models import BaseImage
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import back, status_of, told, went_to
from cowweb.roles import curates
from cowweb.signed import signed_in
from provisioning.known_runtimes import NAMES, known_runtimes
from provisioning.models import Runtime, RuntimeFound
from provisioning.registry import runtime_install, runtime_named, runtime_register, runtime_remove
from provisioning.runtime_forms import RuntimeForm

PAGE_BASES = 8


def runtime_list(request: HttpRequest) -> HttpResponse:
    """What the site knows; a curator's form changes one or adds one."""
    user = signed_in(request)
    if request.method != "POST":
        context = list_context(user, RuntimeForm(), request.GET)
        return render(request, "provisioning/runtime_list.html", context)
    form = RuntimeForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "provisioning/runtime_list.html", list_context(user, form), status=422)
    try:
        with form.wish() as wish:
            runtime_register(wish, actor=actor_of(request))
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        context = list_context(user, form)
        return render(request, "provisioning/runtime_list.html", context, status=status_of(error))
    messages.success(request, f"{wish.name} is registered")
    return went_to(request, "runtime-list")


def list_context(user: User, form: RuntimeForm, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Every runtime with the current revisions that have it, and the bases that it could be put into: a page
    of the bases, for all runtimes the same."""
    text = (query or {}).get("q", "").strip()
    usable = BaseImage.objects.visible_to(user).usable().filter(name__icontains=text)
    found = usable.select_related("current__base").order_by("name")
    page = Paginator(found, PAGE_BASES).get_page((query or {}).get("page"))
    bases = page.object_list
    current = {base.current_id: base for base in bases if base.current_id}
    looked = RuntimeFound.objects.filter(revision__in=current.keys())
    seen = {(row.runtime_id, row.revision_id): row for row in looked}
    rows = [
        {
            "runtime": runtime,
            "is_known": runtime.name in NAMES,
            "bases": [
                {"base": base, "revision": base.current, "found": seen.get((runtime.pk, pk))}
                for pk, base in current.items()
            ],
        }
        for runtime in known_runtimes().select_related("changed_by")
    ]
    context = {"rows": rows, "page": page, "query": {"q": text} if text else {}}
    return {**context, "form": form, "may_change": curates(user)}


def runtime_or_404(name: str) -> Runtime:
    try:
        return runtime_named(name)
    except NotFoundError as error:
        raise Http404(str(error)) from None


@require_POST
def runtime_remove_view(request: HttpRequest, name: str) -> HttpResponse:
    try:
        runtime_remove(runtime=runtime_or_404(name), actor=actor_of(request))
    except DomainError as error:
        told(request, error)
    return back(request, "runtime-list")


@require_POST
def runtime_install_view(request: HttpRequest, name: str) -> HttpResponse:
    """Orders the run that puts a runtime into a base, and shows it."""
    runtime = runtime_or_404(name)
    try:
        base = request.POST.get("base", "")
        run = runtime_install(runtime=runtime, base=base, actor=actor_of(request)).run
    except DomainError as error:
        told(request, error)
        return back(request, "runtime-list")
    return went_to(request, "run-detail", pk=run.pk)
