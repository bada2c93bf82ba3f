"""What names a base or was made from it, beside the clones that stand on it: its curators see whom they ask.

Example::

    named_by(base, user).scripts      # those whose header asks for it, as far as the user may see them
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from bases.models import BaseImage
from clones.models import Clone, DiskTask
from pools.models import Spare, Template
from provisioning.header import parse_script
from provisioning.models import Run, Script

SHOWN = 20
WAITING = [Spare.Status.FILLING, Spare.Status.READY]


@dataclass(frozen=True, slots=True)
class NamedBy:
    """`clones` are the first of `clone_count`. Of clones, scripts and runs those that the user may see."""

    clones: Sequence[Clone]
    clone_count: int
    templates: Sequence[Template]
    promoted: Sequence[DiskTask]
    scripts: Sequence[Script]
    runs: Sequence[Run]
    run_count: int

    @property
    def is_empty(self) -> bool:
        return not (self.clone_count or self.templates or self.promoted or self.scripts or self.runs)


def named_by(base: BaseImage, user: User) -> NamedBy:
    clones = Clone.objects.live().visible_to(user).filter(revision__base=base)
    runs = Run.objects.visible_to(user).filter(named(base))
    spares = Count("spares", filter=Q(spares__status__in=WAITING))
    templates = Template.objects.live().filter(revision__base=base).select_related("revision__base")
    return NamedBy(
        list(clones.for_rows().order_by("revision__number", "pk")[:SHOWN]),
        clones.count(),
        list(templates.annotate(waiting=spares).order_by("pk")),
        list(promotions(base)[:SHOWN]),
        scripts_naming(base, user),
        list(runs.for_list()[:SHOWN]),
        runs.count(),
    )


def named(base: BaseImage) -> Q:
    """As it stands in a run: with a revision or an alias, or without."""
    return Q(base_reference=base.name) | Q(base_reference__startswith=f"{base.name}@")


def promotions(base: BaseImage) -> QuerySet[DiskTask]:
    """The bases that were made of its clones."""
    done = DiskTask.objects.filter(kind=DiskTask.Kind.PROMOTE, state=DiskTask.State.DONE)
    others = done.filter(clone__revision__base=base).exclude(target_name=base.name)
    return others.select_related("clone__owner", "asked_by").order_by("-pk")


def scripts_naming(base: BaseImage, user: User) -> list[Script]:
    """Those whose newest version asks for it in its header."""
    seen = Script.objects.visible_to(user).filter(current__text__contains=base.name)
    return [
        script
        for script in seen.select_related("current", "owner", "team").order_by("name")
        if script.current and base_asked(script.current.text) == base.name
    ]


def base_asked(text: str) -> str:
    return (parse_script(text.encode()).header.base or "").partition("@")[0]
