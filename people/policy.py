"""What the site asks of everyone, set by administrators.

Example::

    policy_set(second_factor="staff", actor=actor)   # curators and administrators need a second factor
"""

from django.contrib.auth.models import User
from django.db import transaction

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError
from cowweb.live import ring
from people.models import SitePolicy, Visit
from people.rights import require_administrator
from people.second_factor import has_factor, must_have_factor
from people.visits import closed

CHOICES = SitePolicy.SecondFactor


def policy_set(*, second_factor: str, actor: Actor) -> int:
    """Who must have a second factor. Who lacks it is signed out, and sets one up at the next sign-in."""
    with operation(actor, "set_policy", target="site", params={"second_factor": second_factor}) as op:
        require_administrator(actor)
        if second_factor not in CHOICES.values:
            words = f"second_factor={second_factor!r} is not known: write {', '.join(CHOICES.values)}"
            raise DomainError(words, field="second_factor")
        with transaction.atomic():
            before = SitePolicy.objects.filter(pk=1).values("second_factor").first()
            SitePolicy.objects.update_or_create(pk=1, defaults={"second_factor": second_factor})
            op.changed(before or {}, {"second_factor": second_factor})
            if actor.user and must_have_factor(actor.user) and not has_factor(actor.user):
                raise ConflictError("You have no second factor yourself: set one up first, then require it")
            return factorless_ended()


def factorless_ended() -> int:
    """Ends the sessions of those who now lack what they must have; in the caller's transaction."""
    present = User.objects.filter(pk__in=Visit.objects.values("user")).select_related("person")
    lacking = [user for user in present if must_have_factor(user) and not has_factor(user)]
    ring("people")
    return closed(list(Visit.objects.filter(user__in=lacking)))
