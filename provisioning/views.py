"""Run pages: get, check, bind, call one service, render."""

from collections.abc import Mapping

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from cowweb.errors import DomainError, NotFoundError
from cowweb.http import back, told, went_to
from cowweb.signed import signed_in
from provisioning.forms import (
    MACHINE_FIELDS,
    CancelForm,
    RetryForm,
    RunForm,
    SendForm,
    sent_of,
    start_of,
    typed,
)
from provisioning.going_on import run_cancel, run_keep, run_retry
from provisioning.models import Run
from provisioning.pages import (
    asked_context,
    detail_context,
    input_context,
    list_context,
    new_context,
    refused_again,
    run_page,
)
from provisioning.sending import run_send
from provisioning.services import run_again, run_create, run_named, script_parsed


@require_GET
def run_list(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if getattr(request, "htmx", False):
        return render(request, "provisioning/_run_rows.html", run_page(user, request.GET.dict()))
    return render(request, "provisioning/run_list.html", list_context(user, request.GET.dict()))


@sensitive_post_parameters()
def run_new(request: HttpRequest) -> HttpResponse:
    """A script of the library (`?script=`), one that was run before (`?again=`), or a new one."""
    if request.method == "POST":
        return run_ordered(request)
    actor = actor_of(request)
    try:
        start = start_of(request.GET.get("script", ""), request.GET.get("again", ""), actor)
    except DomainError as error:
        raise Http404(str(error)) from None
    return run_form(request, RunForm(initial=start), start)


def run_ordered(request: HttpRequest) -> HttpResponse:
    form = RunForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            run = run_create(form.order(actor_of(request)), actor=actor_of(request)).run
        except DomainError as error:
            field = {"timeout_s": "timeout"}.get(error.field, error.field)
            form.add_error(field if field in form.fields else None, str(error))
        else:
            return went_to(request, "run-detail", pk=run.pk)
    return run_form(request, form, request.POST.dict(), status=422)


def run_form(
    request: HttpRequest, form: RunForm, given: Mapping[str, str], status: int = 200
) -> HttpResponse:
    """The page with what was given so far, secrets aside."""
    text = given.get("script", "")
    parsed = script_parsed(typed(text), name=given.get("script_name", ""))
    user = signed_in(request)
    context = {**new_context(user, text), **asked_context(user, parsed, text, given), "form": form}
    context["machine_open"] |= not MACHINE_FIELDS.isdisjoint(form.errors)  # what is wrong there is seen
    return render(request, "provisioning/run_new.html", context, status=status)


@sensitive_post_parameters()
@require_POST
def run_parse(request: HttpRequest) -> HttpResponse:
    """The header of what is being typed, and what is wished instead; makes nothing."""
    given = request.POST.dict()
    text = given.get("script", "")
    parsed = script_parsed(typed(text), name=given.get("script_name", ""))
    context = {
        **asked_context(signed_in(request), parsed, text, given),
        "purpose": given.get("purpose", ""),
        "form": RunForm(given),
    }
    return render(request, "provisioning/_asked_answer.html", context)


def run_or_404(request: HttpRequest, pk: int) -> Run:
    try:
        return run_named(pk, actor_of(request))
    except NotFoundError as error:
        raise Http404(str(error)) from None


@require_GET
def run_detail(request: HttpRequest, pk: int) -> HttpResponse:
    context = detail_context(run_or_404(request, pk), signed_in(request))
    return render(request, "provisioning/run_detail.html", context)


@require_POST
def run_cancel_view(request: HttpRequest, pk: int) -> HttpResponse:
    run = run_or_404(request, pk)
    try:
        run_cancel(run=run, actor=actor_of(request), afterwards=CancelForm(request.POST).afterwards())
    except DomainError as error:
        told(request, error)
    return back(request, "run-detail", pk=pk)


@sensitive_post_parameters()
@require_POST
def run_send_view(request: HttpRequest, pk: int) -> HttpResponse:
    """A line for the script; with htmx the box comes back, empty or with what was refused."""
    run, form = run_or_404(request, pk), SendForm(request.POST)
    try:
        run_send(run=run, sent=sent_of(form), actor=actor_of(request))
    except DomainError as error:
        form.add_error("text", str(error))
        return render(request, "provisioning/_run_input.html", {"run": run, "form": form, "takes": True})
    if getattr(request, "htmx", False):
        return render(request, "provisioning/_run_input.html", input_context(run, form))
    return back(request, "run-detail", pk=pk)


@sensitive_post_parameters()
@require_POST
def run_retry_view(request: HttpRequest, pk: int) -> HttpResponse:
    run = run_or_404(request, pk)
    try:
        run_retry(run=run, actor=actor_of(request), **RetryForm(request.POST).wishes())
    except DomainError as error:
        told(request, error)
    return back(request, "run-detail", pk=pk)


@require_POST
def run_keep_view(request: HttpRequest, pk: int) -> HttpResponse:
    run = run_or_404(request, pk)
    try:
        run_keep(run=run, actor=actor_of(request))
    except DomainError as error:
        told(request, error)
    return back(request, "run-detail", pk=pk)


@require_POST
def run_again_view(request: HttpRequest, pk: int) -> HttpResponse:
    run = run_or_404(request, pk)
    try:
        again = run_again(run=run, actor=actor_of(request)).run
    except DomainError as error:
        told(request, refused_again(run, error))
        if error.field == "parameters":
            return redirect(f"{reverse('run-new')}?again={pk}")
        return back(request, "run-detail", pk=pk)
    return went_to(request, "run-detail", pk=again.pk)


@require_GET
def run_script(request: HttpRequest, pk: int) -> HttpResponse:
    """The exact text that was run."""
    run = run_or_404(request, pk)
    response = HttpResponse(run.script_text, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response
