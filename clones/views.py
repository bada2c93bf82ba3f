"""Clone pages: get, check, bind, call one service, render."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from audit.services import Actor, actor_of
from bases.models import BaseImage
from clones.actions import clone_pause, clone_resume
from clones.bin import clone_bin
from clones.file_pages import FIRST, files_context
from clones.forms import CloneForm
from clones.leases import lease_extend
from clones.models import Clone
from clones.named import clone_named
from clones.pages import (
    clone_page,
    console_text,
    detail_context,
    list_context,
    record_of_clone,
    sharing_context,
)
from clones.saved import state_restore, state_save
from clones.services import Asked, clone_remove, clone_restart, clone_start, clone_stop, clones_create
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import back, told, went_to
from cowweb.signed import signed_in
from cowweb.wording import days_or_hours
from hosts.errors import DriverError

MOST_AT_ONCE = 200
MADE_S = 0.03  # a clone from a spare runs after that, and the page that follows shows it
TABS = ("overview", "runs", "snapshots", "files", "sharing", "console", "audit")


def clone_extended(*, clone: Clone, actor: Actor) -> Asked:
    """As an action on several."""
    lease_extend(clone=clone, actor=actor)
    return Asked(clone, None)


# with what stays true on the page when it is done
ACTIONS: dict[str, tuple[Callable[..., Asked], str]] = {
    "start": (clone_start, "{} was asked to start"),
    "stop": (clone_stop, "{} was asked to stop"),
    "restart": (clone_restart, "{} was asked to restart"),
    "pause": (clone_pause, "Paused {}"),
    "resume": (clone_resume, "Resumed {}"),
    "save": (state_save, "{} was asked to save its memory"),
    "restore": (state_restore, "{} was asked to go on from its saved memory"),
    "extend": (clone_extended, "Extended {}"),
    "remove": (clone_bin, "{} goes to the bin"),
    "delete": (clone_remove, "{} is deleted for good"),
}


@require_GET
def clone_list(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if getattr(request, "htmx", False):
        return render(request, "clones/_clone_rows.html", clone_page(user, request.GET.dict()))
    return render(request, "clones/clone_list.html", list_context(user, request.GET.dict()))


@require_POST
def clone_create_view(request: HttpRequest) -> HttpResponse:
    form = CloneForm(request.POST)
    if not form.is_valid():
        return refused_form(request, form)
    try:
        asked = clones_create(form.wanted(), actor=actor_of(request), at_once=True)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return refused_form(request, form)
    time.sleep(MADE_S)
    if len(asked) == 1 and request.POST.get("open"):
        return went_to(request, "clone-detail", name=asked[0].clone.name)
    return back(request, "clone-list")


@require_GET
def clone_after(request: HttpRequest) -> HttpResponse:
    """What is left beside the button, for what is typed by now; nothing while that is not right."""
    form, base = CloneForm(request.GET), None
    if form.is_valid():
        seen = BaseImage.objects.visible_to(signed_in(request))
        base = seen.usable().filter(name=form.cleaned_data["base"]).first()
    return render(request, "clones/_after_form.html", {"base": base, "asked": form.cleaned_data})


def refused_form(request: HttpRequest, form: CloneForm) -> HttpResponse:
    """The form again, with what was typed and what is wrong at its field."""
    context = list_context(signed_in(request), {})
    chosen = next((base for base in context["bases"] if base.name == form["base"].value()), context["first"])
    context |= {"form": form, "first": chosen}
    return render(request, "clones/clone_list.html", context, status=422)


def clone_or_404(request: HttpRequest, name: str) -> Clone:
    try:
        return clone_named(name, actor_of(request))
    except NotFoundError as error:
        raise Http404(str(error)) from None


@require_GET
def clone_detail(request: HttpRequest, name: str) -> HttpResponse:
    return clone_at(request, clone_or_404(request, name), request.GET.get("tab", "overview"))


def clone_at(
    request: HttpRequest, clone: Clone, tab: str, *, status: int = 200, **more: object
) -> HttpResponse:
    """Its page, opened at one of its tabs."""
    context = {
        **detail_context(clone, signed_in(request)),
        "tab": tab if tab in TABS else "overview",
        "tabs": TABS,
    }
    if tab == "sharing":
        context |= sharing_context(clone, signed_in(request))
    if tab == "console":
        context["console"] = console_text(clone)
    if tab == "files":
        context |= files_context(clone, request.GET.get("path", FIRST), actor_of(request))
    if tab == "audit":
        context["entries"] = record_of_clone(clone)[:50]
    return render(request, "clones/clone_detail.html", {**context, **more}, status=status)


@require_GET
def clone_console(request: HttpRequest, name: str) -> HttpResponse:
    text = console_text(clone_or_404(request, name))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_POST
def clone_action(request: HttpRequest, name: str, action: str) -> HttpResponse:
    clone = clone_or_404(request, name)
    if action not in ACTIONS:
        raise Http404
    done = acted(request, clone, action, actor_of(request))
    if action in ("remove", "delete") and done:
        return back(request, "clone-list")
    return back(request, "clone-detail", name=name)


def acted(request: HttpRequest, clone: Clone, action: str, actor: Actor) -> bool:
    """Calls the service; a refusal becomes a message."""
    verb, word = ACTIONS[action]
    try:
        verb(clone=clone, actor=actor)
    except (DomainError, DriverError) as error:
        told(request, str(error) if clone.name in str(error) else f"{clone.name}: {error}")
        return False
    messages.success(request, in_the_bin(clone) if action == "remove" else word.format(clone.name))
    return True


def in_the_bin(clone: Clone) -> SafeString:
    """With the way back."""
    words = '{} is being removed. <a href="{}">The bin</a> keeps it for {}, to be restored.'
    return format_html(words, clone.name, reverse("clone-bin"), days_or_hours(settings.COWWEB_BIN_HOURS))


@require_POST
def clone_bulk(request: HttpRequest) -> HttpResponse:
    """One action on several clones; each has its own result."""
    action = request.POST.get("action", "")
    if action not in ACTIONS:
        raise Http404
    for name in request.POST.getlist("name")[:MOST_AT_ONCE]:
        try:
            acted(request, clone_named(name, actor_of(request)), action, actor_of(request))
        except NotFoundError as error:
            told(request, str(error))
    return back(request, "clone-list")
