"""Pages of leases, the bin and sharing: get, check, bind, call one service, render."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from audit.services import Actor, actor_of
from clones.bin import clone_purge, clone_undelete
from clones.forms import LeaseForm, WhomForm
from clones.leases import lease_extend
from clones.lending import Whom, clone_share, clone_transfer, clone_unshare
from clones.models import Clone
from clones.pages import PAGE_ROWS, usable
from clones.views import clone_at, clone_or_404
from cowweb.errors import DomainError
from cowweb.http import back, told
from cowweb.signed import signed_in
from cowweb.wording import moment
from people import rights


@require_POST
def lease_extend_view(request: HttpRequest, name: str) -> HttpResponse:
    clone, form = clone_or_404(request, name), LeaseForm(request.POST)
    if not form.is_valid():
        told(request, "Hours are a whole number from 1")
        return back(request, "clone-detail", name=name)
    hours = form.cleaned_data["hours"]
    done(request, lambda: extended(clone, hours, actor_of(request)))
    return back(request, "clone-detail", name=name)


def extended(clone: Clone, hours: int | None, actor: Actor) -> str:
    ends_at = lease_extend(clone=clone, hours=hours, actor=actor).ends_at
    return f"{clone.name} lasts until {moment(ends_at)}" if ends_at else f"{clone.name} lasts"


def done(request: HttpRequest, work: Callable[[], object], words: str = "") -> bool:
    """Calls the service; how it went is said on the next page, by default in the words of the work itself."""
    try:
        said = work()
    except DomainError as error:
        told(request, str(error))
        return False
    messages.success(request, words or str(said))
    return True


@require_GET
def bin_list(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    binned = Clone.objects.binned().visible_to(user).for_list()
    page = Paginator(binned, PAGE_ROWS).get_page(request.GET.get("page"))
    context = {"clones": usable(page.object_list, user, rights.OWN), "page": page}
    return render(request, "clones/bin.html", context)


def binned_or_404(request: HttpRequest, pk: int) -> Clone:
    found = Clone.objects.binned().visible_to(signed_in(request)).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


@require_POST
def undelete_view(request: HttpRequest, pk: int) -> HttpResponse:
    clone, name = binned_or_404(request, pk), request.POST.get("as", "").strip()
    back_as = name or clone.name
    if done(
        request, lambda: clone_undelete(clone=clone, name=name, actor=actor_of(request)), f"{back_as} is back"
    ):
        return back(request, "clone-detail", name=back_as)
    return back(request, "clone-bin")


@require_POST
def purge_view(request: HttpRequest, pk: int) -> HttpResponse:
    clone = binned_or_404(request, pk)
    words = f"{clone.name} is deleted for good"
    done(request, lambda: clone_purge(clone=clone, actor=actor_of(request)), words)
    return back(request, "clone-bin")


def shared(clone: Clone, whom: Whom, level: str, actor: Actor) -> str:
    clone_share(clone=clone, whom=whom, level=level, actor=actor)
    return f"{whom.user or whom.team} may {'look at' if level == 'read' else 'use'} {clone.name}"


def unshared(clone: Clone, whom: Whom, level: str, actor: Actor) -> str:
    clone_unshare(clone=clone, whom=whom, actor=actor)
    return f"{clone.name} is no longer shared with {whom.user or whom.team}"


def transferred(clone: Clone, whom: Whom, level: str, actor: Actor) -> str:
    clone_transfer(clone=clone, whom=whom, actor=actor)
    return f"{clone.name} belongs to {whom.user or whom.team} now"


LENDING = {"share": shared, "unshare": unshared, "transfer": transferred}


@require_POST
def lending_view(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """Shares, unshares or gives away; who gave a clone away may not see its page any more."""
    clone, form = clone_or_404(request, name), WhomForm(request.POST)
    if verb not in LENDING:
        raise Http404
    if not form.is_valid():
        return not_lent(request, clone, verb, form)
    try:
        said = LENDING[verb](clone, form.whom(), form.cleaned_data["level"], actor_of(request))
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return not_lent(request, clone, verb, form)
    messages.success(request, said)
    sees = Clone.objects.visible_to(signed_in(request)).filter(pk=clone.pk).exists()
    return back(request, "clone-detail", name=name) if sees else back(request, "clone-list")


def not_lent(request: HttpRequest, clone: Clone, verb: str, form: WhomForm) -> HttpResponse:
    """The form again, with what was typed and what is wrong at its field."""
    if verb == "unshare":  # a button of a row, without a form to fill in
        told(request, str(next(iter(form.errors.values()))[0]))
        return back(request, "clone-detail", name=clone.name)
    return clone_at(request, clone, "sharing", status=422, **{f"{verb}_form": form})
