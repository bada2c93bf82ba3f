"""What pages show of templates and pools. The number of queries does not grow with the rows."""

from typing import Any

from django.db.models import Avg, Count, Max, Q, Sum

from bases.models import BaseImage
from cowweb.plotting import slots
from pools.demand import wanted_spares
from pools.forms import PoolForm, TemplateForm
from pools.models import Pool, Spare, Template

EARLIER = 5
ROWS = 50


def pool_context(base: BaseImage) -> dict[str, Any]:
    """The live part: the pool as it is now, and the base's templates."""
    pool = pool_or_defaults(base)
    spares = spares_now(base)
    wanted = wanted_spares(pool)
    templates = templates_of(base)
    now = [template for template in templates if template.status in ("building", "ready")]
    usual = [template for template in now if is_usual(template, base)]
    return {
        "base": base,
        "pool": pool,
        "spares": spares,
        "wanted": wanted,
        "slots": slots(spares["ready"], spares["filling"], wanted),
        "usual": usual[0] if usual else None,
        "templates": now,
        "earlier": [template for template in templates if template not in now][:EARLIER],
        "given_up": last_given_up(base),
    }


def forms_context(base: BaseImage) -> dict[str, Any]:
    """The forms beside it. They are not part of what is pushed, so nothing overwrites what is being typed."""
    machine = {"memory": f"{base.memory_mb}M", "cpus": base.cpus}
    return {"pool_form": PoolForm.of(pool_or_defaults(base)), "template_form": TemplateForm(initial=machine)}


def pool_or_defaults(base: BaseImage) -> Pool:
    """A page that is only looked at writes nothing."""
    return Pool.objects.filter(base=base).first() or Pool(base=base)


def templates_of(base: BaseImage) -> list[Template]:
    return list(Template.objects.for_list().counted().filter(revision__base=base)[:ROWS])


def is_usual(template: Template, base: BaseImage) -> bool:
    """Whether it is of the machine that clones get unless they ask for another: the one spares are of."""
    machine = (template.revision_id, template.memory_mb, template.cpus)
    return machine == (base.current_id, base.memory_mb, base.cpus)


def spares_now(base: BaseImage) -> dict[str, Any]:
    """How many there are, and how quickly they came."""
    ready, filling = Q(status=Spare.Status.READY), Q(status=Spare.Status.FILLING)
    return Spare.objects.filter(template__revision__base=base).aggregate(
        ready=Count("pk", filter=ready),
        filling=Count("pk", filter=filling),
        fill_ms=Avg("fill_ms"),
        filled_at=Max("ready_at"),
        taken_at=Max("taken_at"),
    )


def last_given_up(base: BaseImage) -> Spare | None:
    """The newest spare, if it could not be filled: why the pool stays empty."""
    newest = Spare.objects.filter(template__revision__base=base).order_by("-pk").first()
    failed = newest is not None and newest.status == Spare.Status.DISCARDED and newest.ready_at is None
    return newest if failed else None


def in_memory() -> dict[str, Any]:
    """What templates and spares of all bases hold on this host."""
    ready = Template.objects.filter(status=Template.Status.READY)
    sums = ready.aggregate(count=Count("pk"), bytes=Sum("memory_bytes", default=0))
    spares = Spare.objects.aggregate(
        ready=Count("pk", filter=Q(status=Spare.Status.READY)),
        filling=Count("pk", filter=Q(status=Spare.Status.FILLING)),
    )
    return {"templates": sums["count"], "bytes": sums["bytes"], **spares}
