"""Finding a clone by its name, for someone who may see it."""

from django.contrib.auth.models import User

from audit.services import Actor
from clones.models import Clone
from cowweb.errors import NotFoundError


def clone_named(name: str, actor: Actor) -> Clone:
    """The live clone of this name that the actor may see."""
    clone = Clone.objects.live().visible_to(actor.user).for_list().filter(name=name).first()
    if clone is None:
        raise NotFoundError(f"Clone {name} not found", field="name")
    return clone


def clone_last_named(name: str, user: User | None) -> Clone | None:
    """The newest clone of this name that the user may see, also a removed one: for pages that are open."""
    return Clone.objects.visible_to(user).for_list().filter(name=name).order_by("-pk").first()
