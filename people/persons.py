"""What can be done with people: their role on the site, their settings, and disabling them."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from cowweb.live import RIGHTS, ring
from cowweb.roles import Role, administers, role_of
from people.models import Person, Team, Visit
from people.policy import factorless_ended
from people.rights import USE, is_in, require_administrator
from people.visits import closed

FLAGS = {
    Role.MEMBER: (False, False, False),
    Role.CURATOR: (False, True, False),
    Role.AUDITOR: (False, False, True),
    Role.ADMINISTRATOR: (True, True, False),
}


def person_named(name: str) -> User:
    user = User.objects.select_related("person__default_team").filter(username=name).first()
    if user is None:
        raise NotFoundError(f"User {name} not found", field="user")
    return user


def role_set(*, user: User, role: str, actor: Actor) -> User:
    """Makes a person a member, curator, auditor or administrator of the site."""
    with operation(actor, "set_role", target=f"user:{user.username}", params={"role": role}) as op:
        require_administrator(actor)
        if role not in Role.values:
            raise DomainError(
                f"{role!r} is no role: write member, curator, auditor or administrator", field="role"
            )
        is_superuser, is_staff, is_auditor = FLAGS[Role(role)]
        with transaction.atomic():
            if not is_superuser:
                kept_an_administrator(user)
            op.changed({"role": str(role_of(person_named(user.username)))}, {"role": role})
            User.objects.filter(pk=user.pk).update(is_superuser=is_superuser, is_staff=is_staff)
            Person.objects.update_or_create(user=user, defaults={"is_auditor": is_auditor})
            factorless_ended()
            ring("people", "clones", "bases", "runs", "audit", f"person.{user.pk}", RIGHTS)
        return person_named(user.username)


def active_set(*, user: User, active: bool, actor: Actor) -> User:
    """Disables a person, at once and everywhere: pages, sockets, tokens; or lets them in again."""
    with operation(actor, "enable_user" if active else "disable_user", target=f"user:{user.username}") as op:
        require_administrator(actor)
        with transaction.atomic():
            if not active:
                kept_an_administrator(user)
            if not User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
                raise ConflictError(f"{user.username} is {'enabled' if active else 'disabled'} already")
            op.changed({"is_active": not active}, {"is_active": active})
            if not active:
                closed(list(Visit.objects.filter(user=user)))
            ring("people", f"person.{user.pk}", RIGHTS)
        return person_named(user.username)


def kept_an_administrator(leaving: User) -> None:
    left = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=leaving.pk)
    if administers(leaving) and not left.exists():
        raise ConflictError(f"{leaving.username} is the last administrator: name another one first")


def settings_of(user: User) -> dict[str, str]:
    person = getattr(user, "person", None)
    team = person.default_team if person else None
    return {"full_name": user.first_name, "email": user.email, "team": team.name if team else "none"}


def settings_set(*, user: User, full_name: str, email: str, team: Team | None, actor: Actor) -> User:
    """A person's own settings."""
    params = {"full_name": full_name, "email": email, "team": team.name if team else "none"}
    with operation(actor, "edit_settings", target=f"user:{user.username}", params=params) as op:
        if actor.user != user:
            raise ForbiddenError("Settings are each person's own")
        if team and not is_in(user, team, USE):
            raise DomainError(f"You make no clones for {team}: choose another team", field="team")
        with transaction.atomic():
            op.changed(settings_of(person_named(user.username)), params)
            User.objects.filter(pk=user.pk).update(first_name=full_name[:150], email=email)
            Person.objects.update_or_create(user=user, defaults={"default_team": team})
        return person_named(user.username)
