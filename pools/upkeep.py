"""Templates that nobody can or will go on from any more become stale, and say why; what is missed is rebuilt.

Run at start and every few seconds. A page never calls a template ready that the next clone would not use.
"""

from datetime import timedelta

from django.db.models import Max
from django.utils import timezone

from bases.life_models import Stage
from hosts.drivers.host_facts import qemu_version
from hosts.findings import Kind, repaired
from hosts.models import Job
from pools.building import cleared
from pools.models import Spare, Template
from pools.services import (
    BUILD,
    OTHER_QEMU,
    fingerprint_of,
    pool_of,
    template_moved,
    template_retired,
    template_wanted,
)
from pools.spares import spares_given_up

READY = Template.Status.READY
UNUSED = timedelta(hours=1)  # an older revision's template that is still cloned from is kept
FILES_GONE = "its files are gone"
BASE_RETIRED = "its base was retired"
SUPERSEDED = "its base has a newer revision"
ABANDONED = "nobody builds it any more"
NOT_INTACT = "its revision no longer matches its digest"


def templates_reconciled() -> int:
    """Retires the templates that have had their day; returns how many."""
    if qemu_version() is None:
        return 0  # being upgraded just now: nothing can be said of what it will be
    ready = Template.objects.filter(status=READY).select_related("revision__base")
    return sum(template_reconciled(template) for template in ready)


def abandoned_ended() -> int:
    """Ends the templates that nobody builds any more; returns how many."""
    unfinished = Job.objects.unfinished().filter(task=BUILD).subjects()
    left = Template.objects.filter(status=Template.Status.BUILDING).exclude(pk__in=unfinished)
    return sum(template_abandoned(template) for template in left)


def template_abandoned(template: Template) -> bool:
    to, since = Template.Status.FAILED, Template.Status.BUILDING
    moved = template_moved(template.pk, to=to, since=since, failure=ABANDONED)
    if moved:
        cleared(template)
        repaired(Kind.TEMPLATE, f"template:{template}", ABANDONED, "It has failed; the next wish builds it.")
    return moved


def template_reconciled(template: Template) -> bool:
    why = why_stale(template)
    if not why or not template_retired(template, why):
        return False
    if why == FILES_GONE:
        repaired(Kind.TEMPLATE, f"template:{template}", why, "It is stale; one that is missed is built anew.")
    spares_given_up(template.spares.filter(status=Spare.Status.READY), f"its template is stale: {why}")
    if why in (OTHER_QEMU, FILES_GONE) and is_missed(template):
        template_wanted(template.revision, memory_mb=template.memory_mb, cpus=template.cpus)
    return True


def why_stale(template: Template) -> str:
    """Empty while it is good to go on from."""
    if template.revision.stage == Stage.RETIRED:
        return BASE_RETIRED
    machine = {"memory_mb": template.memory_mb, "cpus": template.cpus}
    if template.fingerprint != fingerprint_of(template.revision, **machine):
        return OTHER_QEMU
    if not all(file.is_file() for file in (template.disk, template.state, template.kept_memory)):
        return FILES_GONE
    if not template.revision.intact:
        return NOT_INTACT
    if template.revision_id != template.revision.base.current_id and not used_lately(template):
        return SUPERSEDED
    return ""


def used_lately(template: Template) -> bool:
    cloned = template.clones.aggregate(at=Max("created_at"))["at"]
    last = max(at for at in (template.created_at, template.built_at, cloned) if at)
    return last > timezone.now() - UNUSED


def is_missed(template: Template) -> bool:
    """Whether one like it is built at once: of the newest revision, where templates come by themselves."""
    base = template.revision.base
    pool = pool_of(base)
    return template.revision_id == base.current_id and (pool.instant or pool.minimum > 0)
