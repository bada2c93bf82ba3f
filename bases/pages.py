"""What the base pages show."""

from typing import Any

from django.contrib.auth.models import User

from bases.models import BaseImage, BaseRevision
from cowweb.roles import curates

TABS = {
    "overview": "Overview",
    "revisions": "Revisions",
    "pool": "Templates and pool",
    "dependents": "Dependents",
}


def list_context(user: User) -> dict[str, Any]:
    return {
        "bases": BaseImage.objects.visible_to(user).for_list(),
        "live_path": "/ws/bases/",
        "is_curator": curates(user),
    }


def dependents_of(base: BaseImage, user: User) -> list[Any]:
    """The live clones that stand on any revision of a base, as far as the user may see them."""
    clones: Any = BaseRevision._meta.get_field("clones").related_model  # the app above knows this one
    seen = clones.objects.live().visible_to(user).select_related("owner", "revision__base")
    return list(seen.filter(revision__base=base).order_by("revision__number", "pk"))


def detail_context(base: BaseImage) -> dict[str, Any]:
    revisions = BaseRevision.objects.filter(base=base).order_by("-number")
    return {
        "base": base,
        "revision": base.current,
        "revisions": revisions,
        "tabs": TABS,
        "live_path": f"/ws/bases/{base.name}/",
    }


def page_context(base: BaseImage, tab: str) -> dict[str, Any]:
    """The whole page, opened at one of its tabs."""
    return {**detail_context(base), "tab": tab if tab in TABS else "overview", "tabs": TABS}
