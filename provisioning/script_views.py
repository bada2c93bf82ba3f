"""The library's pages: get, check, bind, call one service, render."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError
from cowweb.http import back, status_of, told, went_to
from cowweb.signed import signed_in
from provisioning.forms import typed
from provisioning.library import script_named, script_remove, script_save
from provisioning.models import Script
from provisioning.pages import asked_context
from provisioning.script_forms import ScriptForm
from provisioning.script_pages import (
    diff_context,
    script_context,
    script_list_context,
    script_page,
    teams_of,
    version_shown,
)
from provisioning.services import script_parsed


def script_or_404(request: HttpRequest, name: str) -> Script:
    try:
        return script_named(name, actor_of(request))
    except DomainError as error:
        raise Http404(str(error)) from None


@require_GET
def script_list(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if getattr(request, "htmx", False):
        return render(request, "provisioning/_script_rows.html", script_page(user, request.GET.dict()))
    return render(request, "provisioning/script_list.html", script_list_context(user, request.GET.dict()))


@require_GET
def script_detail(request: HttpRequest, name: str) -> HttpResponse:
    script = script_or_404(request, name)
    try:
        context = script_context(script, signed_in(request), request.GET.dict())
    except DomainError as error:
        raise Http404(str(error)) from None
    return render(request, "provisioning/script_detail.html", context)


@require_GET
def script_diff(request: HttpRequest, name: str) -> HttpResponse:
    script = script_or_404(request, name)
    try:
        context = diff_context(script, request.GET.dict())
    except DomainError as error:
        raise Http404(str(error)) from None
    return render(request, "provisioning/script_diff.html", context)


@require_GET
def script_text(request: HttpRequest, name: str) -> HttpResponse:
    """The exact text of a version, as a file."""
    script = script_or_404(request, name)
    try:
        version = version_shown(script, request.GET.get("version", ""))
    except DomainError as error:
        raise Http404(str(error)) from None
    response = HttpResponse(version.text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{script.name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def script_new(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return saved(request, None)
    return edited(request, ScriptForm(), None)


def script_edit(request: HttpRequest, name: str) -> HttpResponse:
    """A new version of a script, from the newest or the one of `?version=`."""
    script = script_or_404(request, name)
    if request.method == "POST":
        return saved(request, script)
    try:
        version = version_shown(script, request.GET.get("version", ""))
    except DomainError as error:
        raise Http404(str(error)) from None
    start = {
        "name": script.name,
        "description": script.description,
        "script": version.text,
        "team": script.team.name if script.team else "",
    }
    return edited(request, ScriptForm(initial=start), script)


def saved(request: HttpRequest, script: Script | None) -> HttpResponse:
    form = ScriptForm(request.POST, fixed_name=script.name if script else "")
    if not form.is_valid():
        return edited(request, form, script, status=422)
    try:
        version = script_save(form.draft(), actor=actor_of(request))
    except DomainError as error:
        field = {"text": "script"}.get(error.field, error.field)
        form.add_error(field if field in form.fields else None, str(error))
        return edited(request, form, script, status=status_of(error))
    return went_to(request, "script-detail", name=version.script.name)


def edited(request: HttpRequest, form: ScriptForm, script: Script | None, status: int = 200) -> HttpResponse:
    text = str(form["script"].value() or "")
    name = str(form["name"].value() or "")
    context = {
        "form": form,
        "script": script,
        "text": text,
        "teams": teams_of(signed_in(request)),
        "next_number": script.current.number + 1 if script and script.current else 1,
        **asked_context(signed_in(request), script_parsed(typed(text), name=name), text),
    }
    return render(request, "provisioning/script_edit.html", context, status=status)


@require_POST
def script_remove_view(request: HttpRequest, name: str) -> HttpResponse:
    script = script_or_404(request, name)
    try:
        script_remove(script=script, actor=actor_of(request))
    except DomainError as error:
        told(request, error)
        return back(request, "script-detail", name=name)
    return went_to(request, "script-list")
