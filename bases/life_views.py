"""What curators do on a base's own page: its revisions' lives, its aliases, its settings."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from audit.services import Actor, actor_of
from bases.aliases import alias_move, alias_remove, alias_roll_back
from bases.forms import SettingsForm
from bases.life import revision_approve, revision_deprecate, revision_retire, revision_unretire
from bases.models import BaseImage, BaseRevision
from bases.pages import page_context
from bases.references import STABLE, base_seen, revision_of
from bases.rights import curators_only
from bases.services import base_edit, base_verify, base_visibility
from cowweb.errors import DomainError, ForbiddenError, NotFoundError
from cowweb.http import told

Act = Callable[[HttpRequest, BaseRevision, Actor], BaseRevision]


def deprecated(request: HttpRequest, revision: BaseRevision, actor: Actor) -> BaseRevision:
    successor = request.POST.get("successor", "").strip()
    return revision_deprecate(revision=revision, successor=successor, why=why(request), actor=actor)


def why(request: HttpRequest) -> str:
    return request.POST.get("why", "").strip()


MOVES: dict[str, Act] = {
    "approve": lambda request, one, actor: revision_approve(revision=one, why=why(request), actor=actor),
    "deprecate": deprecated,
    "retire": lambda request, one, actor: revision_retire(revision=one, why=why(request), actor=actor),
    "unretire": lambda request, one, actor: revision_unretire(revision=one, why=why(request), actor=actor),
}


def tried(request: HttpRequest, name: str, tab: str, act: Callable[[BaseImage, Actor], str]) -> HttpResponse:
    """Does it and says so on the base's page, or says there why not."""
    actor = actor_of(request)
    try:
        base = base_seen(name, actor)
        messages.success(request, act(base, actor))
    except ForbiddenError as error:
        return render(request, "403.html", {"exception": error}, status=403)
    except NotFoundError as error:
        if error.field != "successor":
            raise Http404(str(error)) from None
        told(request, error)
    except DomainError as error:
        told(request, error)
    return redirect(f"{reverse('base-detail', args=[name])}?tab={tab}")


@require_POST
def revision_move(request: HttpRequest, name: str, number: int) -> HttpResponse:
    act = MOVES.get(request.POST.get("action", ""))
    if act is None:
        raise Http404

    def moved(base: BaseImage, actor: Actor) -> str:
        revision = act(request, revision_of(base, str(number)), actor)
        return f"{revision} is {revision.stage}"

    return tried(request, name, "revisions", moved)


@require_POST
def alias_set(request: HttpRequest, name: str) -> HttpResponse:
    alias, to = request.POST.get("alias", "").strip(), request.POST.get("to", "")

    def led(base: BaseImage, actor: Actor) -> str:
        if to == "none":
            alias_remove(base=base, name=alias, actor=actor)
            return f"{name}@{alias} is no more"
        curators_only(actor)
        move = alias_move(
            base=base, name=alias, revision=revision_of(base, to), why=why(request), actor=actor
        )
        return f"{name}@{alias} leads to {move.after} now"

    return tried(request, name, "revisions", led)


@require_POST
def alias_rollback(request: HttpRequest, name: str) -> HttpResponse:
    alias = request.POST.get("alias", STABLE)

    def rolled(base: BaseImage, actor: Actor) -> str:
        move = alias_roll_back(base=base, name=alias, why=why(request), actor=actor)
        return f"{name}@{alias} leads to {move.after} again"

    return tried(request, name, "revisions", rolled)


@require_POST
def base_verify_view(request: HttpRequest, name: str) -> HttpResponse:
    def verified(base: BaseImage, actor: Actor) -> str:
        changed = base_verify(base=base, actor=actor)
        if changed:
            raise DomainError(f"No longer as registered: {', '.join(map(str, changed))}")
        return "Every revision matches its digest"

    return tried(request, name, "revisions", verified)


@require_POST
def base_settings(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    base = BaseImage.objects.visible_to(actor.user).for_list().filter(name=name).first()
    if base is None:
        raise Http404(f"Base image {name} not found")
    form = SettingsForm(request.POST, instance=base)
    if actor.is_curator and not form.is_valid():
        base.refresh_from_db()
        context = {**page_context(base, "settings", actor.user), "settings_form": form}
        return render(request, "bases/base_detail.html", context, status=422)
    return tried(request, name, "settings", lambda found, by: settings_saved(found, form, by))


def settings_saved(base: BaseImage, form: SettingsForm, actor: Actor) -> str:
    curators_only(actor)
    if changes := form.changes():
        base_edit(base=base, changes=changes, actor=actor)
    if {"for_everyone", "open_to"} & set(form.changed_data):
        base_visibility(base=base, words=form.open_words(), actor=actor)
    return "Saved"
