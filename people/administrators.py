"""Administrators who are made where no page can be: at a site's first start, and in the host's shell."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from audit.services import Actor, operation
from cowweb.errors import NameTakenError
from cowweb.live import ring
from people.invitations import name_checked
from people.models import Person
from people.passwords import accepted
from people.rights import require_administrator


def administrator_make(*, name: str, password: str, actor: Actor, email: str = "") -> User:
    """A new one. Without a password they come in by a link for one that somebody makes."""
    with operation(actor, "make_administrator", target=f"user:{name}", params={"email": email}):
        require_administrator(actor)
        name_checked(name)
        if password:
            accepted(password, User(username=name, email=email))
        try:
            with transaction.atomic():
                user = User.objects.create_superuser(name, email, password or None)
                Person.objects.create(user=user)
                ring("people")
        except IntegrityError:
            raise NameTakenError(
                f"There is a user {name} already: choose another name", field="name"
            ) from None
        return user
