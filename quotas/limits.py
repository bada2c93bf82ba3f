"""What each may use at most: their own limit, else the site's default, or more while a raise is in force."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from quotas.models import Account, Quota, Raise
from quotas.usage import Holder, holder_of

Kind = Account.Kind


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` is None without a limit; `is_own` where it is no default; `until` while it is a raise's."""

    most: int | None
    is_own: bool = False
    until: datetime | None = None


Limits = Mapping[str, Limit]


def accounts_of(holders: Collection[Holder]) -> list[Account]:
    """Their rows and the defaults'; those that have none yet are not saved, and have the defaults' limits."""
    people = {pk for kind, pk in holders if kind == "user"}
    teams = {pk for kind, pk in holders if kind == "team"}
    theirs = Q(user__in=people) | Q(team__in=teams) | Q(kind__in=[Kind.PEOPLE, Kind.TEAMS])
    found = list(Account.objects.select_related("user", "team").filter(theirs))
    known = {holder_of(account) for account in found if account.kind in Account.DEFAULTS}
    return found + [new_account(holder) for holder in holders if holder not in known]


def new_account(holder: Holder) -> Account:
    kind, pk = holder
    return Account(kind=Kind.PERSON, user_id=pk) if kind == "user" else Account(kind=Kind.TEAM, team_id=pk)


def limits_of(holders: Collection[Holder]) -> dict[Holder, Limits]:
    """Every limit of each of them."""
    accounts = accounts_of(holders)
    defaults = {account.kind: account.limits for account in accounts if account.kind in Kind.values[2:]}
    own = [account for account in accounts if account.kind in Account.DEFAULTS]
    saved = [account.pk for account in own if account.pk]
    raises = list(Raise.objects.in_force().filter(account__in=saved)) if saved else []
    return {
        holder_of(account): {
            quota: limit_of(
                account,
                quota,
                defaults.get(Account.DEFAULTS[Kind(account.kind)], {}),
                (one for one in raises if one.account_id == account.pk and one.quota == quota),
            )
            for quota in Quota.values
        }
        for account in own
    }


def limit_of(
    account: Account, quota: str, default: Mapping[str, int | None], raises: Iterable[Raise]
) -> Limit:
    is_own = quota in account.limits
    most = account.limits[quota] if is_own else default.get(quota)
    highest = max(raises, key=lambda one: one.most, default=None)
    if most is None or highest is None or highest.most <= most:
        return Limit(most, is_own)
    return Limit(highest.most, is_own, highest.until)
