"""Who acts in the shell of the host where people are made or let in again, and what is asked of them.

Whoever may run a command there has the database anyway, so it needs no account on the site; the record names
the account of the host beside the administrator who is acted as.
"""

import getpass
import os
import pwd

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from audit.models import Via
from audit.services import SYSTEM, Actor
from cowweb.errors import DomainError
from people.passwords import accepted

TRIES = 3


def account() -> str:
    """The account on this host that typed the command."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def shell_actor(program: str) -> Actor:
    """The first administrator, or the site itself where there is none."""
    first = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    via = Via.SHELL if first else SYSTEM.via
    return Actor(user=first, via=via, agent=f"manage.py {program}", on_behalf_of=account())


def password_asked(user: User) -> str:
    """Typed twice alike, and good enough for the site."""
    for _ in range(TRIES):
        password = typed("Password: ")
        if typed("Password (again): ") != password:
            problem = "The two passwords differ"
        else:
            try:
                accepted(password, user)
                return password
            except DomainError as error:
                problem = str(error)
        print(problem)  # noqa: T201
    raise CommandError(f"No password for {user.username} after {TRIES} tries: {problem}")


def typed(prompt: str) -> str:
    password = getpass.getpass(prompt)
    if not password:
        raise CommandError("aborted")
    return password
