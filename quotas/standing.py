"""How someone stands: what they use of what they may, and what would be left after one more use."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q

from cowweb.roles import sees_everything
from cowweb.wording import until_words
from people.models import Membership, Team
from quotas.amounts import NO_LIMIT, SIZES, in_words, limit_text, used_words
from quotas.limits import Limits, limits_of, new_account
from quotas.models import Account, Quota
from quotas.usage import Holder, holder_of, used_by


@dataclass(frozen=True, slots=True)
class Line:
    """One quota of one holder."""

    quota: str
    label: str
    used: int
    most: int | None
    is_own: bool
    until: datetime | None

    @property
    def unit(self) -> str:
        return "MiB" if self.quota in SIZES else ""

    @property
    def until_words(self) -> str:
        return until_words(self.until) if self.until else ""

    @property
    def words(self) -> str:
        return used_words(self.quota, self.used, self.most)

    @property
    def used_words(self) -> str:
        return in_words(self.quota, self.used)

    @property
    def most_words(self) -> str:
        return "no limit" if self.most is None else in_words(self.quota, self.most)

    @property
    def is_full(self) -> bool:
        return self.most is not None and self.used >= self.most

    @property
    def limit_text(self) -> str:
        """As it is typed into the form."""
        if not self.is_own:
            return ""
        return NO_LIMIT if self.most is None else limit_text(self.quota, self.most)


@dataclass(frozen=True, slots=True)
class Standing:
    account: Account
    lines: Sequence[Line]

    @property
    def name(self) -> str:
        return str(self.account)

    @property
    def target(self) -> str:
        return self.account.target

    @property
    def limited(self) -> list[Line]:
        return [line for line in self.lines if line.most is not None]

    @property
    def words(self) -> str:
        limited = ", ".join(line.words for line in self.limited)
        return limited or "no limit on anything"


def standing_of(account: Account) -> Standing:
    return standings_of([account])[0]


def standings_of(accounts: Sequence[Account]) -> list[Standing]:
    """Of any number of people and teams, with the same number of queries."""
    holders = [holder_of(account) for account in accounts]
    limits, used = limits_of(holders), used_by(holders)
    return [
        Standing(account, lines_of(limits[holder], used[holder]))
        for account, holder in zip(accounts, holders, strict=True)
    ]


def lines_of(limits: Limits, used: Mapping[str, int]) -> list[Line]:
    return [
        Line(
            quota.value,
            quota.label,
            used.get(quota, 0),
            limits[quota].most,
            limits[quota].is_own,
            limits[quota].until,
        )
        for quota in Quota
    ]


def holders_seen(user: User | None, text: str = "") -> list[Holder]:
    """People, then teams, by name: oneself, one's teams, and the people of teams that one owns; everyone for
    who sees all. `text`: only those whose name has it."""
    people = User.objects.filter(is_active=True, username__icontains=text)
    teams = Team.objects.filter(name__icontains=text)
    if user is not None and not sees_everything(user):
        places = Membership.objects.filter(user=user)
        owned = places.filter(role=Membership.Role.OWNER).values("team")
        workers = (
            Membership.objects.filter(team__in=owned).exclude(role=Membership.Role.VIEWER).values("user")
        )
        people = people.filter(Q(pk=user.pk) | Q(pk__in=workers))
        teams = teams.filter(pk__in=places.values("team"))
    return [
        *(("user", pk) for pk in people.order_by("username").values_list("pk", flat=True)),
        *(("team", pk) for pk in teams.order_by("name").values_list("pk", flat=True)),
    ]


def accounts_named(holders: Sequence[Holder]) -> list[Account]:
    """In their order; the number of queries does not grow with them."""
    people = User.objects.in_bulk([pk for kind, pk in holders if kind == "user"])
    teams = Team.objects.in_bulk([pk for kind, pk in holders if kind == "team"])
    accounts = [*accounts_for(people.values()), *accounts_for_teams(teams.values())]
    known = {holder_of(account): account for account in accounts}
    return [known[holder] for holder in holders if holder in known]


def accounts_seen(user: User | None) -> list[Account]:
    return accounts_named(holders_seen(user))


def accounts_for(people: Collection[User]) -> list[Account]:
    """Theirs, not saved where they have none yet."""
    known = {account.user_id: account for account in Account.objects.filter(user__in=people)}
    found = []
    for user in people:
        account = known.get(user.pk) or new_account(("user", user.pk))
        account.user = user
        found.append(account)
    return found


def accounts_for_teams(teams: Collection[Team]) -> list[Account]:
    known = {account.team_id: account for account in Account.objects.filter(team__in=teams)}
    found = []
    for team in teams:
        account = known.get(team.pk) or new_account(("team", team.pk))
        account.team = team
        found.append(account)
    return found


@dataclass(frozen=True, slots=True)
class Left:
    """What one person, and the team that they make machines for, have left."""

    limits: Mapping[Holder, Limits]
    used: Mapping[Holder, Mapping[str, int]]

    def after(self, *, memory_mb: int, cpus: int, count: int = 1, minutes: int = 0) -> tuple[str, str]:
        """In words what is used once so many more machines are made, and run so many minutes; and of which
        quota that is too much. The tightest of person and team counts; empty where nothing is limited."""
        each = {Quota.CLONES: 1, Quota.RUNNING: 1, Quota.VCPUS: cpus, Quota.MEMORY: memory_mb}
        more = {quota: amount * count for quota, amount in each.items()}
        if minutes:
            more[Quota.RUN_MINUTES] = minutes
        said, over = [], ""
        for quota, amount in more.items():
            tight = self.tightest(quota)
            if tight is None:
                continue
            used, most = tight
            said.append(used_words(quota, used + amount, most))
            over = over or (quota if used + amount > most else "")
        disk = self.tightest(Quota.DISK)  # what a new layer will take shows later: some has to be left
        if disk and disk[0] >= disk[1]:
            said.append(used_words(Quota.DISK, *disk))
            over = over or Quota.DISK
        return ", ".join(said), over

    def tightest(self, quota: str) -> tuple[int, int] | None:
        """Used and most, where the least is left."""
        found = []
        for holder, limits in self.limits.items():
            most = limits[quota].most
            if most is not None:
                found.append((self.used[holder].get(quota, 0), most))
        return min(found, key=lambda pair: pair[1] - pair[0], default=None)


def left_for(user: User, team: Team | None) -> Left:
    holders: list[Holder] = [("user", user.pk)]
    if team:
        holders.append(("team", team.pk))
    limits = limits_of(holders)
    is_limited = any(limit.most is not None for each in limits.values() for limit in each.values())
    return Left(limits, used_by(holders) if is_limited else {holder: {} for holder in holders})
