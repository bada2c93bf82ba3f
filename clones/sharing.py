"""What clones save by sharing a template's memory: what each holds for itself, against a copy of its own."""

from clones.models import Clone
from clones.querysets import CloneQuerySet
from hosts.drivers.records import MemoryUse
from hosts.services import memory_of


def memory_use_of(clone: Clone) -> MemoryUse | None:
    """None for one without a process."""
    return memory_of(clone.record) if clone.is_active and clone.record else None


def memory_shared(clones: CloneQuerySet) -> dict[str, int]:
    """Of the running clones that went on from a template: bytes held, templates included, and what as many
    booted guests would hold."""
    went_on = clones.active().filter(record__isnull=False, template__isnull=False)
    went_on = went_on.filter(way__in=[Clone.Way.MEMORY, Clone.Way.SPARE])
    columns = went_on.values_list("record", "template", "template__memory_bytes")
    private = full = 0
    templates: dict[int, int] = {}
    found = list(columns)
    for record, template, size in found:
        private += memory_of(record).private_bytes if record else 0
        full += size
        templates[template] = size
    held = private + sum(templates.values())
    return {
        "count": len(found),
        "private": private,
        "templates": sum(templates.values()),
        "actual": held,
        "full": full,
        "saved": max(full - held, 0),
    }
