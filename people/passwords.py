"""Passwords: changed by their person, or set anew through a link that an administrator gives.

Example::

    password_set(user=mia, password="…", actor=actor)       # their own; password_given: another's
    link = reset_link(user=mia, actor=boss)       # "MQ/c8x…", good for a day and until the password changes
    password_reset(link, "…", origin=actor)
"""

from dataclasses import replace

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.live import RIGHTS, ring
from people.models import Visit
from people.rights import require_administrator
from people.visits import closed

NOT_GOOD = "This link is not good any more: it was used, or is older than a day. Ask for a new one."


def has_password(user: User) -> bool:
    """Here, or in the directory that the site asks."""
    return user.has_usable_password() or user.identities.filter(issuer__startswith="ldap").exists()


def password_set(*, user: User, password: str, actor: Actor, session_key: str = "") -> User:
    """A person's own new password; every other browser of theirs is signed out."""
    with operation(actor, "change_password", target=f"user:{user.username}"):
        if actor.user != user:
            raise ForbiddenError("A password is each person's own")
        return kept(user, password, session_key)


def password_given(*, user: User, password: str, actor: Actor) -> User:
    """Another's new password, from the host's shell; they are signed out of every browser."""
    with operation(actor, "change_password", target=f"user:{user.username}"):
        require_administrator(actor)
        if is_program(user):
            raise ConflictError(f"{user.username} is a program, and signs in with no password")
        return kept(user, password, "")


def is_program(user: User) -> bool:
    return bool(getattr(getattr(user, "person", None), "is_service", False))


def accepted(password: str, user: User) -> None:
    """Refuses what the site's rules for passwords do not let pass."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), field="password") from None


def kept(user: User, password: str, session_key: str) -> User:
    accepted(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    closed(list(Visit.objects.filter(user=user).exclude(session_key=session_key)))
    ring(RIGHTS)  # passes to guests end with the password
    return user


def reset_link(*, user: User, actor: Actor) -> str:
    with operation(actor, "make_password_link", target=f"user:{user.username}"):
        require_administrator(actor)
        if not user.is_active or is_program(user):
            raise ConflictError(f"{user.username} is disabled or a program, and signs in with no password")
        return f"{urlsafe_base64_encode(str(user.pk).encode())}/{default_token_generator.make_token(user)}"


def person_of(uid: str, token: str) -> User:
    """Whom such a link is for."""
    try:
        user = User.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise NotFoundError(NOT_GOOD)
    return user


def password_reset(uid: str, token: str, password: str, *, origin: Actor) -> User:
    user = person_of(uid, token)
    with operation(replace(origin, user=user), "reset_password", target=f"user:{user.username}"):
        return kept(user, password, "")
