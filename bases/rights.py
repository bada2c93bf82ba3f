"""Who may change the registry."""

from audit.services import Actor
from cowweb.errors import ForbiddenError


def curators_only(actor: Actor) -> None:
    if not actor.is_curator:
        raise ForbiddenError("Only a curator may change the registry of base images")
