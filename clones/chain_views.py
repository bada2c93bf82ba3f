"""Actions on a clone's chain, and the tree of a base."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import actor_of
from bases.models import BaseImage
from bases.pages import detail_context
from clones.chain_forms import ChildForm, PromoteForm, RebaseForm
from clones.chains import (
    base_rebase,
    clone_flatten,
    clone_promote,
    clone_rebase,
    rebase_rehearsed,
    task_cancel,
)
from clones.services import clone_create
from clones.tree import tree_of
from clones.views import clone_or_404
from cowweb.errors import DomainError
from cowweb.http import back, told, went_to
from cowweb.signed import signed_in
from hosts.errors import DriverError


@require_POST
def clone_branch(request: HttpRequest, name: str) -> HttpResponse:
    """A clone of this clone."""
    parent = clone_or_404(request, name)
    form = ChildForm(request.POST)
    if not form.is_valid():
        told(request, "The name is longer than 63 characters")
        return back(request, "clone-detail", name=name)
    try:
        made = clone_create(form.wanted(parent.name), actor=actor_of(request)).clone
    except DomainError as error:
        told(request, str(error))
        return back(request, "clone-detail", name=name)
    return went_to(request, "clone-detail", name=made.name)


def tried(request: HttpRequest, name: str, act: Callable[[], object], word: str) -> HttpResponse:
    """Calls the service; a refusal becomes a message on the clone's page."""
    try:
        act()
    except (DomainError, DriverError) as error:
        told(request, str(error))
    else:
        messages.success(request, word)
    return back(request, "clone-detail", name=name)


@require_POST
def clone_flatten_view(request: HttpRequest, name: str) -> HttpResponse:
    clone, actor = clone_or_404(request, name), actor_of(request)
    return tried(request, name, lambda: clone_flatten(clone=clone, actor=actor), f"Flattening {name}")


@require_POST
def clone_promote_view(request: HttpRequest, name: str) -> HttpResponse:
    clone, actor, form = clone_or_404(request, name), actor_of(request), PromoteForm(request.POST)
    target = form.cleaned_data["name"] if form.is_valid() else ""
    return tried(
        request,
        name,
        lambda: clone_promote(clone=clone, name=target, actor=actor),
        f"Publishing {name} as {target}",
    )


@require_POST
def clone_rebase_view(request: HttpRequest, name: str) -> HttpResponse:
    clone, actor, form = clone_or_404(request, name), actor_of(request), RebaseForm(request.POST)
    to = form.cleaned_data["to"] if form.is_valid() else None
    return tried(request, name, lambda: clone_rebase(clone=clone, to=to, actor=actor), f"Rebasing {name}")


@require_POST
def clone_task_cancel(request: HttpRequest, name: str) -> HttpResponse:
    clone, actor = clone_or_404(request, name), actor_of(request)
    return tried(request, name, lambda: task_cancel(clone=clone, actor=actor), "It was asked to stop")


@require_GET
def base_tree(request: HttpRequest, name: str) -> HttpResponse:
    """The tab Tree, with the rehearsal of moving clones to the current revision."""
    base = base_or_404(request, name)
    context = {
        **detail_context(base),
        "tab": "tree",
        "nodes": tree_of(base, signed_in(request)),
        "rehearsed": rebase_rehearsed(base, to=None, actor=actor_of(request)) if base.current else [],
    }
    return render(request, "clones/base_tree.html", context)


@require_POST
def base_rebase_view(request: HttpRequest, name: str) -> HttpResponse:
    base = base_or_404(request, name)
    try:
        done = base_rebase(base=base, to=None, actor=actor_of(request))
    except DomainError as error:
        told(request, str(error))
    else:
        begun = sum(1 for _, asked in done if asked)
        messages.success(request, f"Rebasing {begun} of {len(done)} clones to {base.current}")
    return back(request, "base-tree", name=name)


def base_or_404(request: HttpRequest, name: str) -> BaseImage:
    base = BaseImage.objects.visible_to(signed_in(request)).for_list().filter(name=name).first()
    if base is None:
        raise Http404(f"Base image {name} not found")
    return base
