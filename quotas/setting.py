"""Who may use how much: set by administrators for all, by a team's owners for its people.

Example::

    quota_set(account=person_account(mia), quota="memory", most=8192, actor=actor)
    quota_set(account=default_account("people"), quota="clones", most=5, actor=actor)
"""

from django.contrib.auth.models import User
from django.db import transaction

from audit.services import Actor, operation
from cowweb.errors import ForbiddenError
from cowweb.live import ring
from cowweb.roles import administers
from people.models import Membership, Team
from people.rights import SEE, everywhere, is_in
from quotas.amounts import NO_LIMIT, NOUNS, in_words
from quotas.checking import account_for
from quotas.limits import limits_of
from quotas.models import Account, Quota

DEFAULT = "default"


def person_account(user: User) -> Account:
    return account_for(("user", user.pk))


def team_account(team: Team) -> Account:
    return account_for(("team", team.pk))


def default_account(kind: str) -> Account:
    return Account.objects.get_or_create(kind=kind)[0]


def teams_over(user: User | None, account: Account) -> list[Team]:
    """The teams that the user owns and the account's person works in: those on whose behalf they decide."""
    if user is None or account.user_id is None or account.user_id == user.pk:
        return []
    theirs = Membership.objects.filter(user=account.user_id).exclude(role=Membership.Role.VIEWER)
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER)
    return list(Team.objects.filter(pk__in=theirs.values("team")).filter(pk__in=owned.values("team")))


def may_see(user: User | None, account: Account) -> bool:
    """One's own, those of one's teams and of the people of teams one owns; all for who sees all."""
    if (
        everywhere(user, SEE)
        or user is None
        or account.user_id == user.pk
        or account.kind in Account.Kind.values[2:]
    ):
        return True
    if account.team:
        return is_in(user, account.team, SEE)
    return bool(teams_over(user, account))


def may_decide(user: User | None, account: Account) -> bool:
    """Whether there is anything that the user may give this account."""
    return administers(user) or bool(teams_over(user, account))


def require_decider(actor: Actor, account: Account, quota: Quota, most: int | None) -> None:
    """An administrator gives anything. An owner gives their team's people what the team itself may use."""
    if actor.is_administrator:
        return
    teams = teams_over(actor.user, account)
    if not teams:
        raise ForbiddenError(
            "Only an administrator may do that, or for a person an owner of a team that they work in"
        )
    limits = limits_of([("team", team.pk) for team in teams])
    allowed = [limits[("team", team.pk)][quota].most for team in teams]
    if None in allowed:
        return
    best = max(limit for limit in allowed if limit is not None)
    if most is None or most > best:
        raise ForbiddenError(
            f"An owner gives no more than the team itself may use: {in_words(quota, best)} {NOUNS[quota]}",
            field="limit",
        )


def quota_set(*, account: Account, quota: Quota, most: int | str | None, actor: Actor) -> Account:
    """A limit, None for none, or `default` for the site's default."""
    wanted = NO_LIMIT if most is None else most
    before = account.limits.get(quota, DEFAULT)
    params = {"quota": quota.value, "limit": wanted, "before": NO_LIMIT if before is None else before}
    with operation(actor, "set_quota", target=account.target, params=params) as op, transaction.atomic():
        account = Account.objects.select_for_update(of=("self",), no_key=True).get(pk=account.pk)
        limits = {key: limit for key, limit in account.limits.items() if key != quota}
        given = site_default(account, quota) if isinstance(most, str) else most
        require_decider(actor, account, quota, given)
        if not isinstance(most, str):
            limits[quota] = most
        Account.objects.filter(pk=account.pk).update(limits=limits)
        account.limits = limits
        op.changed({quota.value: told(quota, params["before"])}, {quota.value: told(quota, wanted)})
        ring("quotas")
        return account


def told(quota: Quota, limit: int | str) -> str:
    """A limit as people say it."""
    return limit if isinstance(limit, str) else in_words(quota, limit)


def site_default(account: Account, quota: Quota) -> int | None:
    """What the site gives one of its kind; none for a default that is taken away."""
    kind = Account.DEFAULTS.get(Account.Kind(account.kind))
    default = Account.objects.filter(kind=kind).first() if kind else None
    found: int | None = default.limits.get(quota) if default else None
    return found
