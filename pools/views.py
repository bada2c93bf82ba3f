"""What curators send from the page of a base's templates and pool."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from audit.services import actor_of
from bases.models import BaseImage
from bases.pages import page_context
from cowweb.errors import DomainError, ForbiddenError
from cowweb.http import status_of, told
from cowweb.signed import signed_in
from hosts.errors import DriverError
from pools.curation import template_retire
from pools.forms import PoolForm, TemplateForm
from pools.models import Template
from pools.pages import pool_or_defaults
from pools.services import pool_set, template_ahead


@require_POST
def pool_set_view(request: HttpRequest, name: str) -> HttpResponse:
    base = base_or_404(request, name)
    form = PoolForm.of(pool_or_defaults(base), request.POST)
    if not form.is_valid():
        return refused(request, base, 422, pool_form=form)
    try:
        pool_set(base=base, actor=actor_of(request), **form.changes())
    except (DomainError, DriverError) as error:
        return not_done(request, base, error, form=form, key="pool_form")
    messages.success(request, f"The pool of {name} is set")
    return to_the_pool(name)


@require_POST
def template_build_view(request: HttpRequest, name: str) -> HttpResponse:
    base = base_or_404(request, name)
    form = TemplateForm(request.POST)
    if not form.is_valid():
        return refused(request, base, 422, template_form=form)
    machine = {"memory_mb": form.cleaned_data["memory"], "cpus": form.cleaned_data["cpus"]}
    try:
        template_ahead(base=base, actor=actor_of(request), **machine)
    except (DomainError, DriverError) as error:
        return not_done(request, base, error, form=form, key="template_form")
    return to_the_pool(name)


@require_POST
def template_retire_view(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    base = base_or_404(request, name)
    template = Template.objects.for_list().filter(pk=pk, revision__base=base).first()
    if template is None:
        raise Http404
    try:
        template_retire(template=template, actor=actor_of(request))
        messages.success(request, f"The template {template} is retired")
    except (DomainError, DriverError) as error:
        if isinstance(error, ForbiddenError):
            return not_done(request, base, error)
        told(request, str(error))
    return to_the_pool(name)


def base_or_404(request: HttpRequest, name: str) -> BaseImage:
    base = BaseImage.objects.visible_to(signed_in(request)).for_list().filter(name=name).first()
    if base is None:
        raise Http404(f"Base image {name} not found")
    return base


def to_the_pool(name: str) -> HttpResponse:
    return redirect(f"{reverse('base-detail', args=[name])}?tab=pool")


def not_done(
    request: HttpRequest,
    base: BaseImage,
    error: DomainError | DriverError,
    *,
    form: PoolForm | TemplateForm | None = None,
    key: str = "",
) -> HttpResponse:
    """A refusal at its field where there is one, otherwise above the page."""
    field = getattr(error, "field", "")
    if form is not None and field in form.fields:
        form.add_error(field, str(error))
    else:
        told(request, str(error))
    status = status_of(error) if isinstance(error, DomainError) else 422
    return refused(request, base, status, **({key: form} if form else {}))


def refused(request: HttpRequest, base: BaseImage, status: int, **forms: object) -> HttpResponse:
    """The page again, with what was typed and what is wrong at its field."""
    return render(request, "bases/base_detail.html", {**page_context(base, "pool"), **forms}, status=status)
