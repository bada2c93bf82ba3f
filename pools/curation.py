"""What curators do to templates that is more than one row's change."""

from audit.services import Actor, operation
from bases.services import curators_only
from cowweb.errors import ConflictError
from pools.models import Spare, Template
from pools.services import template_retired
from pools.spares import spares_given_up

RETIRED = "a curator retired it"
ITS_TEMPLATE = "its template was retired"


def template_retire(*, template: Template, actor: Actor) -> Template:
    """No new clones from it, and its spares go. Clones that stand on its layer keep it."""
    params = {"memory_mb": template.memory_mb, "cpus": template.cpus}
    with operation(actor, "retire_template", target=f"base:{template.revision.base.name}", params=params):
        curators_only(actor)
        if not template_retired(template, RETIRED):
            template.refresh_from_db(fields=["status"])
            raise ConflictError(f"The template {template} is {template.status}; only a ready one is retired")
        spares_given_up(template.spares.filter(status=Spare.Status.READY), ITS_TEMPLATE)
        template.refresh_from_db()
        return template
