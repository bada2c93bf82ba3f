"""What stands on a revision, and whose it is: asked before anything is taken away.

Example::

    dependents(revision)     # [Dependent("clone", "web", "mia", "running"), …]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bases.models import BaseRevision
from bases.references import STABLE

NAMED = 5


@dataclass(frozen=True, slots=True)
class Dependent:
    kind: str
    name: str
    owner: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" of {self.owner}" if self.owner else "")


def dependents(revision: BaseRevision) -> list[Dependent]:
    """What keeps it: clones, also in the bin, the layers set aside for them, and names that lead there."""
    return [*clones(revision), *layers(revision), *names(revision)]


def related(field: str) -> Any:
    """The manager of a model of an app above, which knows this one; code here may not import it."""
    model: Any = BaseRevision._meta.get_field(field).related_model
    return model.objects


def clones(revision: BaseRevision) -> Iterable[Dependent]:
    for clone in related("clones").kept().filter(revision=revision).select_related("owner").order_by("pk"):
        yield Dependent("clone", clone.name, clone.owner.get_username(), clone.get_status_display().lower())


def layers(revision: BaseRevision) -> Iterable[Dependent]:
    found = related("layers").filter(revision=revision).select_related("made_from__owner").order_by("pk")
    for layer in found:
        owner = layer.made_from.owner.get_username()
        yield Dependent("layer", layer.mark, owner, f"of {layer.made_from.name}")


def templates(revision: BaseRevision) -> list[Dependent]:
    """Those in use; they and their spares are retired with it."""
    found = related("templates").live().filter(revision=revision).order_by("pk")
    return [Dependent("template", str(one.pk), "", one.get_status_display().lower()) for one in found]


def names(revision: BaseRevision) -> Iterable[Dependent]:
    for alias in revision.aliases.all():
        yield Dependent("alias", alias.name, "", "leads to it")
    others = revision.base.revisions.filter(stage__in=BaseRevision.CLONED).exclude(pk=revision.pk)
    if revision.base.current_id == revision.pk and others.exists():
        yield Dependent("alias", STABLE, "", "leads to it")


def listed(found: list[Dependent]) -> str:
    """A sentence's worth of them."""
    shown = ", ".join(str(one) for one in found[:NAMED])
    return shown + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
