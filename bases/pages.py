"""What the base pages show."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Q

from bases.aliases import undoable
from bases.forms import SettingsForm
from bases.models import AliasMove, BaseImage, BaseRevision, Import
from bases.references import STABLE
from cowweb.roles import curates

TABS = {
    "overview": "Overview",
    "revisions": "Revisions",
    "pool": "Templates and pool",
    "dependents": "Dependents",
}
EARLIER = 30
PAGE_CARDS = 12
MOVES_SHOWN = 10


def list_context(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of the gallery, of those whose name, system or description has the text."""
    is_curator, text = curates(user), query.get("q", "").strip()
    bases = BaseImage.objects.visible_to(user).for_list().prefetch_related("aliases__revision")
    if text:
        named = Q(name__icontains=text) | Q(os__icontains=text) | Q(description__icontains=text)
        bases = bases.filter(named)
    page = Paginator(bases, PAGE_CARDS).get_page(query.get("page"))
    return {
        "page": page,
        "bases": page.object_list,
        "query": {"q": text} if text else {},
        "live_path": "/ws/bases/",
        "is_curator": is_curator,
        "arriving": list(Import.objects.open()) if is_curator else [],
    }


def detail_context(base: BaseImage) -> dict[str, Any]:
    revisions = BaseRevision.objects.filter(base=base).prefetch_related("aliases").order_by("-number")
    return {
        "base": base,
        "revision": base.current,
        "revisions": revisions,
        "tabs": TABS,
        "live_path": f"/ws/bases/{base.name}/",
    }


def page_context(base: BaseImage, tab: str, user: User | None = None) -> dict[str, Any]:
    """The whole page, opened at one of its tabs."""
    known = {**TABS, "settings": "Settings"} if user and curates(user) else TABS
    tab = tab if tab in known else "overview"
    more = {"revisions": revisions_context, "settings": settings_context}.get(tab)
    is_curator = bool(user and curates(user))
    context = {**detail_context(base), "tab": tab, "is_curator": is_curator}
    return {**context, **(more(base) if more else {})}


def settings_context(base: BaseImage) -> dict[str, Any]:
    return {"settings_form": SettingsForm(instance=base)}


def revisions_context(base: BaseImage) -> dict[str, Any]:
    """Stages, names, and how each came to be."""
    revisions = BaseRevision.objects.filter(base=base).select_related("base", "created_by")
    names = [STABLE, *base.aliases.values_list("name", flat=True)]
    moves = AliasMove.objects.filter(base=base).select_related("before__base", "after__base")
    return {
        "revisions": list(revisions.prefetch_related("aliases", "moves").order_by("-number")),
        "names": names,
        "can_roll_back": undoable(base, STABLE),
        "alias_moves": list(moves[:MOVES_SHOWN]),
    }


def imports_context() -> dict[str, Any]:
    rows = Import.objects.select_related("asked_by", "revision__base")
    return {"imports": rows[:EARLIER], "live_path": "/ws/bases/_imports/"}


def import_context(arriving: Import) -> dict[str, Any]:
    return {"arriving": arriving, "live_path": f"/ws/bases/_imports/{arriving.pk}/"}
