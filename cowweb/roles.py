"""What a person is on the whole site. Imports no app; teams and objects are `people.rights`.

A curator keeps the registry of bases, an auditor reads everything, an administrator may do all of it.

Example::

    role_of(user)        # Role.CURATOR
    audits(user)         # False
"""

from django.contrib.auth.models import User
from django.db import models


class Role(models.TextChoices):
    MEMBER = "member", "Member"
    CURATOR = "curator", "Curator"
    AUDITOR = "auditor", "Auditor"
    ADMINISTRATOR = "administrator", "Administrator"


def role_of(user: User | None) -> Role:
    """The role of an active person. Nobody, as the site itself, may do everything."""
    if user is None or user.is_superuser:
        return Role.ADMINISTRATOR
    if getattr(getattr(user, "person", None), "is_auditor", False):
        return Role.AUDITOR
    return Role.CURATOR if user.is_staff else Role.MEMBER


def curates(user: User | None) -> bool:
    return role_of(user) in (Role.CURATOR, Role.ADMINISTRATOR)


def audits(user: User | None) -> bool:
    """Whether the whole record is theirs to read."""
    return role_of(user) in (Role.AUDITOR, Role.ADMINISTRATOR)


def administers(user: User | None) -> bool:
    return role_of(user) == Role.ADMINISTRATOR


def sees_everything(user: User | None) -> bool:
    """Curators must know what depends on a base, auditors who holds what."""
    return role_of(user) != Role.MEMBER
