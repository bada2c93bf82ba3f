"""What the quota pages show: the same context for the full page and its live part."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.utils import timezone

from audit.models import Via
from audit.services import Actor
from cowweb.errors import NotFoundError
from cowweb.roles import administers, sees_everything
from people.models import Membership, Team
from people.persons import person_named
from people.teams import team_named
from quotas.amounts import in_words, limit_text
from quotas.models import Account, Quota, Raise
from quotas.raises import raises_for
from quotas.setting import default_account, may_decide, may_see, person_account, team_account
from quotas.standing import (
    Standing,
    accounts_for,
    accounts_for_teams,
    accounts_named,
    holders_seen,
    standings_of,
)

REQUESTS_SHOWN = 50
PAGE_ROWS = 25


def looker(user: User) -> Actor:
    """The person, for reading."""
    return Actor(user=user, via=Via.WEB)


def account_of(target: str, user: User) -> Account:
    """Whose a target such as `user:mia` names; what one may not see is not there."""
    kind, _, name = target.partition(":")
    if kind == "quota" and name in (Account.Kind.PEOPLE, Account.Kind.TEAMS) and administers(user):
        return default_account(name)
    if kind == "team":
        return team_account(team_named(name, looker(user)))
    account = person_account(person_named(name)) if kind == "user" else None
    if account is None or not may_see(user, account):
        raise NotFoundError(f"User {name} not found", field="of")
    return account


def live_context(user: User) -> dict[str, Any]:
    """Bars of one's own and of one's teams; then the requests one may see, those that wait first."""
    teams = list(Team.objects.filter(memberships__user=user).order_by("name"))
    mine = [*accounts_for([user]), *accounts_for_teams(teams)]
    requests = list(raises_for(looker(user))[:REQUESTS_SHOWN])
    now = timezone.now()
    waiting = [one for one in requests if one.state == Raise.State.ASKED and one.until > now]
    return {
        "standings": standings_of(mine),
        "waiting": [entry(one) for one in waiting],
        "decided": [entry(one) for one in requests if one not in waiting],
        "live_path": "/ws/quotas/",
    }


def entry(request: Raise) -> dict[str, Any]:
    return {"request": request, "most": in_words(request.quota, request.most)}


def page_context(user: User, of: str = "", query: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The page around them: the request form; for who decides, everyone's standing and the defaults."""
    owns = Membership.objects.filter(user=user, role=Membership.Role.OWNER).exists()
    usable = Membership.objects.filter(user=user).exclude(role=Membership.Role.VIEWER)
    context: dict[str, Any] = {
        **live_context(user),
        "quotas": Quota.choices,
        "usable_teams": Team.objects.filter(pk__in=usable.values("team")).order_by("name"),
        "is_administrator": administers(user),
    }
    if sees_everything(user) or owns:
        context |= everyone(user, query or {})
    if administers(user):
        context["defaults"] = defaults()
    if of:
        context["chosen"] = chosen(account_of(of, user), user)
    return context


def everyone(user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """How people and teams stand, a page at a time; their names are all that is read of the others."""
    text = query.get("q", "").strip()
    page = Paginator(holders_seen(user, text), PAGE_ROWS).get_page(query.get("page"))
    standings = standings_of(accounts_named(list(page.object_list)))
    return {"everyone": standings, "page": page, "query": {"q": text} if text else {}}


def defaults() -> list[dict[str, Any]]:
    """What the site gives each person and each team."""
    kinds = (Account.Kind.PEOPLE, Account.Kind.TEAMS)
    known = {account.kind: account.limits for account in Account.objects.filter(kind__in=kinds)}
    return [
        {"target": f"quota:{kind}", "label": kind.label, "lines": default_lines(known.get(kind, {}))}
        for kind in kinds
    ]


def default_lines(limits: Mapping[str, int | None]) -> list[dict[str, str]]:
    return [
        {
            "quota": quota.value,
            "label": quota.label,
            "text": "" if (most := limits.get(quota)) is None else limit_text(quota, most),
        }
        for quota in Quota
    ]


def chosen(account: Account, user: User) -> dict[str, Any]:
    """One person or team, to look at and where one may to set."""
    standings: Sequence[Standing] = standings_of([account])
    return {"standing": standings[0], "may_set": may_decide(user, account)}


def request_context(request: Raise, user: User) -> dict[str, Any]:
    """One request: what it asks for, how who asks stands, and what one may do about it."""
    standing = standings_of([request.account])[0]
    is_open = request.state == Raise.State.ASKED and request.until > timezone.now()
    in_force = request.state == Raise.State.APPROVED and request.until > timezone.now()
    decides = may_decide(user, request.account)
    return {
        "asked": request,
        "most": in_words(request.quota, request.most),
        "standing": standing,
        "line": next(line for line in standing.lines if line.quota == request.quota),
        "may_approve": is_open and decides,
        "may_refuse": (is_open or in_force) and decides,
        "in_force": in_force,
        "may_withdraw": is_open and request.asked_by_id == user.pk,
    }
