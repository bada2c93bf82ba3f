"""Administrators who are made where no page can be: at a site's first start, and in the host's shell."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.services import Actor, operation
from cowweb.live import ring
from people.accounts import Newcomer, account_made
from people.rights import require_administrator


def administrator_make(*, name: str, password: str, actor: Actor, email: str = "") -> User:
    """A new one. Without a password they come in by a link for one that somebody makes."""
    with operation(actor, "make_administrator", target=f"user:{name}", params={"email": email}):
        require_administrator(actor)
        with transaction.atomic():
            user = account_made(Newcomer(name, password or None, email=email, is_administrator=True))
            ring("people")
        return user
