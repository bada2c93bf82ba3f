"""The verbs about what instant clones are made from: templates and pools of spares."""

from bases.models import BaseImage
from bases.references import base_named, base_seen
from bases.rights import curators_only
from commands.base_verbs import flag
from commands.language import Command
from commands.service import Caller, Result
from cowweb.errors import NotFoundError
from cowweb.values import memory_mb
from pools.curation import template_retire
from pools.demand import wanted_spares
from pools.forms import MINUTE_S
from pools.models import Pool, Template
from pools.pages import pool_or_defaults, spares_now
from pools.services import pool_set, template_ahead

NUMBERS = ("minimum", "maximum", "refill_per_minute")


def list_templates(command: Command, caller: Caller) -> Result:
    base = base_seen(command.values["base"], caller.actor)
    found = [facts(template) for template in Template.objects.for_list().filter(revision__base=base)]
    listed = "; ".join(f"{one['template']}: {one['machine']} {one['status']}" for one in found)
    return {"output": listed or f"{base.name} has no template yet", "count": len(found), "templates": found}


def build_template(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    values, base = command.values, base_named(command.values["base"])
    template = template_ahead(
        base=base,
        memory_mb=memory_mb(values["memory"]) if "memory" in values else base.memory_mb,
        cpus=int(values.get("cpus", base.cpus)),
        actor=caller.actor,
    )
    template = Template.objects.for_list().get(pk=template.pk)
    return {"output": f"Template {template.pk}, {template}, is {template.status}", **facts(template)}


def retire_template(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    number = command.values["template"]
    template = Template.objects.for_list().filter(pk=number).first()
    if template is None:
        raise NotFoundError(f"There is no template {number}", field="template")
    template_retire(template=template, actor=caller.actor)
    return {"output": f"Template {number}, {template}, is retired", "template": template.pk}


def show_pool(command: Command, caller: Caller) -> Result:
    base = base_seen(command.values["base"], caller.actor)
    return pool_told(base, pool_or_defaults(base))


def set_pool(command: Command, caller: Caller) -> Result:
    curators_only(caller.actor)
    values, base = command.values, base_named(command.values["base"])
    changes: dict[str, int | bool] = {name: int(values[name]) for name in NUMBERS if name in values}
    if "age_minutes" in values:
        changes["age_limit_s"] = int(values["age_minutes"]) * MINUTE_S
    if "instant" in values:
        changes["instant"] = flag(values, "instant")
    return pool_told(base, pool_set(base=base, actor=caller.actor, **changes))


def pool_told(base: BaseImage, pool: Pool) -> Result:
    spares, wanted = spares_now(base), wanted_spares(pool)
    kept = f"{pool.minimum} always, {pool.maximum} at most"
    return {
        "output": f"{base.name}: {spares['ready']} of {wanted} spares wait; {kept}",
        "base": base.name,
        "ready": spares["ready"],
        "filling": spares["filling"],
        "wanted": wanted,
        "minimum": pool.minimum,
        "maximum": pool.maximum,
        "refillPerMinute": pool.refill_per_minute,
        "ageMinutes": pool.age_limit_s // MINUTE_S,
        "instant": pool.instant,
        "taken": pool.taken,
        "missed": pool.missed,
    }


def facts(template: Template) -> Result:
    return {
        "template": template.pk,
        "machine": str(template),
        "revision": str(template.revision),
        "memoryMb": template.memory_mb,
        "cpus": template.cpus,
        "status": template.status,
        "failure": template.failure or None,
        "memoryBytes": template.memory_bytes,
        "clonesMade": template.hits,
        "spares": template.ready_spares,  # type: ignore[attr-defined]
        "buildMs": template.build_ms,
    }
