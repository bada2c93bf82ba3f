"""The check of every verb that lets someone use more, inside the transaction that makes the use.

The rows that use it are written first; then the accounts are locked and everything is counted, those rows
included. Whoever asks at the same time waits at the lock, and counts what was committed before. A refusal
takes the rows back with it.

Example::

    with transaction.atomic():
        clone = Clone.objects.create(…)
        checked([Charge(user=clone.owner_id, team=clone.team_id, amounts={"clones": 1})])
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from cowweb.errors import QuotaError
from quotas.amounts import NOUNS, SIZES, Amounts, in_words
from quotas.limits import Limits, limits_of, new_account
from quotas.models import Account, Quota
from quotas.usage import Holder, used_by

# What the new rows do not show yet
COUNTED_LATER = (Quota.DISK,)
# The input that asks for it, so that a form can show the refusal there
FIELDS = {Quota.MEMORY: "memory", Quota.VCPUS: "cpus", Quota.CLONES: "count", Quota.RUN_MINUTES: "timeout"}


@dataclass(frozen=True, slots=True)
class Charge:
    """What one new use asks for: of its person, and of its team where it is for one."""

    user: int | None = None
    team: int | None = None
    amounts: Amounts = field(default_factory=dict)


def checked(charges: Sequence[Charge], *, later: Collection[str] = COUNTED_LATER) -> None:
    """Refuses in words when anyone would use more than they may; otherwise it is theirs.
    `later`: what the rows that were written do not show yet, though it is asked for."""
    asked = asked_of(charges)
    limits = limits_of(asked)
    limited = {holder for holder in asked if is_limited(asked[holder], limits[holder])}
    if not limited:
        return
    accounts = locked(limited)
    limits, used = limits_of(limited), used_by(limited)
    for holder in sorted(limited):
        for quota, more in asked[holder].items():
            before = used[holder][quota] - (0 if quota in later else more)
            most = limits[holder][quota].most
            if most is not None and more and before + more > most:
                raise over(accounts[holder], quota, before, most, more)


def asked_of(charges: Sequence[Charge]) -> dict[Holder, Counter[str]]:
    asked: dict[Holder, Counter[str]] = {}
    for charge in charges:
        if charge.user is not None:
            asked.setdefault(("user", charge.user), Counter()).update(charge.amounts)
        if charge.team is not None:
            asked.setdefault(("team", charge.team), Counter()).update(charge.amounts)
    return asked


def is_limited(asked: Mapping[str, int], limits: Limits) -> bool:
    return any(more and limits[quota].most is not None for quota, more in asked.items())


def locked(holders: set[Holder]) -> dict[Holder, Account]:
    """Their accounts, locked until the transaction ends, always in the same order."""
    found = {}
    for holder in sorted(holders):
        kind, pk = holder
        account_for(holder)
        rows = Account.objects.select_for_update(of=("self",), no_key=True).select_related("user", "team")
        found[holder] = rows.get(**{kind: pk})
    return found


def account_for(holder: Holder) -> Account:
    """The holder's row, made when it is first needed."""
    kind, pk = holder
    account = Account.objects.filter(**{kind: pk}).first()
    if account:
        return account
    try:
        with transaction.atomic():
            account = new_account(holder)
            account.save()
            return account
    except IntegrityError:  # someone else made it just now
        return Account.objects.get(**{kind: pk})


def over(account: Account, quota: str, used: int, most: int, asked: int) -> QuotaError:
    more = f"{in_words(quota, asked)} more {'was' if asked == 1 or quota in SIZES else 'were'} asked for"
    left = in_words(quota, max(most - used, 0)) if most > used else "nothing"
    are = "is" if most - used <= 1 or quota in SIZES else "are"
    error = QuotaError(
        f"Over quota: {account} uses {in_words(quota, max(used, 0))} of {in_words(quota, most)} "
        f"{NOUNS[Quota(quota)]}, and {more}; {left} {are} left. A request can be made for more",
        field=FIELDS.get(Quota(quota), ""),
    )
    error.facts = {
        "quota": {"name": quota, "of": account.target, "used": used, "limit": most, "asked": asked}
    }
    return error
