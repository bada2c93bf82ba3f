"""How an account comes to be, whichever door it comes by: a user and their person, at once or not at all.

Example::

    with transaction.atomic():
        user = account_made(Newcomer("mia", password="…"))    # NameTakenError where she is here already
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.services import SYSTEM_NAME
from cowweb.errors import DomainError, NameTakenError
from people.models import Person, Team
from people.passwords import accepted


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to have an account. Without a password they come in another way; programs by tokens alone."""

    name: str
    password: str | None = None
    full_name: str = ""
    email: str = ""
    is_administrator: bool = False
    program_of: Team | None = None


def account_made(newcomer: Newcomer) -> User:
    """The new account. Writes no audit entry: each door has its own."""
    name = User.normalize_username(newcomer.name)
    name_checked(name)
    if newcomer.password is not None:
        accepted(newcomer.password, User(username=name, email=newcomer.email))
    make = User.objects.create_superuser if newcomer.is_administrator else User.objects.create_user
    program_of = newcomer.program_of
    try:
        with transaction.atomic():
            user = make(name, newcomer.email, newcomer.password, first_name=newcomer.full_name[:150])
            Person.objects.create(user=user, is_service=program_of is not None, default_team=program_of)
    except IntegrityError:
        raise taken(name) from None
    return user


def name_checked(name: str) -> None:
    """The site's rules for names, at their field."""
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError:
        raise DomainError(
            f"{name!r} is not a user name: write letters, digits and @ . + - _", field="name"
        ) from None
    if len(name) > 150:
        raise DomainError("A user name has 150 characters at most", field="name")
    if not name[0].isalnum():
        raise DomainError(f"{name!r} is not a user name: begin with a letter or a digit", field="name")
    if User.objects.filter(username__iexact=name).exists():
        raise taken(name)  # one that differs by its case alone could be taken for the other
    if name.casefold() == SYSTEM_NAME:
        raise DomainError(f"{name!r} is the site itself in the record: choose another name", field="name")


def taken(name: str) -> NameTakenError:
    return NameTakenError(f"There is a user {name} already: choose another name", field="name")
