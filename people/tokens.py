"""API tokens, and the accounts of programs that have nothing else.

Example::

    token, secret = token_make(Asked(user=user, name="ci"), actor=actor)   # the secret is shown once
    token_of("cow_…", address="192.0.2.1")                                 # who sends it, or None
"""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.services import Actor, operation
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from cowweb.values import InvalidValue, machine_name
from people import secret as secrets
from people.accounts import Newcomer, account_made
from people.models import Membership, Team, Token
from people.rights import OWN, is_in, require_team

LONGEST_DAYS = 3650
SEEN_EVERY = timedelta(minutes=1)  # a busy program is no reason for a write with each command


@dataclass(frozen=True, slots=True)
class Asked:
    """A token that someone wants."""

    user: User
    name: str
    scope: str = Token.Scope.USE
    days: int | None = 90


def may_speak_for(actor: Actor, user: User) -> bool:
    """One's own account; a program's account for the owners of its team; all for administrators."""
    if actor.is_administrator or actor.user == user:
        return True
    person = getattr(user, "person", None)
    team = person.default_team if person and person.is_service else None
    return bool(team and actor.user and is_in(actor.user, team, OWN))


def token_make(asked: Asked, *, actor: Actor) -> tuple[Token, str]:
    """A new token and its secret, which is not kept."""
    params = {"name": asked.name, "scope": asked.scope, "days": asked.days}
    with operation(actor, "make_token", target=f"user:{asked.user.username}", params=params):
        checked(asked, actor)
        made = secrets.fresh(secrets.TOKEN_PREFIX)
        token = Token.objects.create(
            user=asked.user,
            name=asked.name,
            digest=secrets.digest(made),
            shown=made[:10],
            scope=asked.scope,
            expires_at=timezone.now() + timedelta(days=asked.days) if asked.days else None,
        )
        return token, made


def checked(asked: Asked, actor: Actor) -> None:
    if not may_speak_for(actor, asked.user):
        raise ForbiddenError(f"Only {asked.user.username} or an administrator may do that")
    if actor.scope:
        raise ForbiddenError("A token makes no tokens: sign in")
    if not asked.name.strip():
        raise DomainError("A token needs a name that says what it is for", field="name")
    if asked.scope not in Token.Scope.values:
        raise DomainError(f"scope={asked.scope!r} is not known: write read, use or all", field="scope")
    if asked.days is not None and not 1 <= asked.days <= LONGEST_DAYS:
        raise DomainError(f"days={asked.days} is not from 1 to {LONGEST_DAYS}", field="days")


def token_revoke(*, token: Token, actor: Actor) -> None:
    with operation(actor, "revoke_token", target=f"user:{token.user.username}", params={"name": token.name}):
        if not may_speak_for(actor, token.user):
            raise ForbiddenError(f"Only {token.user.username} or an administrator may do that")
        if not Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            raise ConflictError(f"The token {token} is revoked already")


def token_of(secret: str, *, address: str) -> Token | None:
    """The valid token with this secret; notes when and from where it was used."""
    found = (
        Token.objects.valid()
        .select_related("user__person__default_team")
        .filter(digest=secrets.digest(secret))
        .first()
    )
    if found is None:
        return None
    now = timezone.now()
    stale = Q(used_at=None) | Q(used_at__lt=now - SEEN_EVERY) | ~Q(used_from=address)
    Token.objects.filter(stale, pk=found.pk).update(used_at=now, used_from=address[:64])
    return found


def service_account_make(*, name: str, team: Team, actor: Actor) -> User:
    """An account for a program: a member of one team, without a password."""
    with operation(actor, "make_service_account", target=f"user:{name}", params={"team": team.name}):
        require_team(actor, OWN, team)
        try:
            machine_name(name)
        except InvalidValue as error:
            raise DomainError(str(error), field="name") from None
        with transaction.atomic():
            user = account_made(Newcomer(name, program_of=team))
            Membership.objects.create(team=team, user=user, role=Membership.Role.MEMBER)
        return user
