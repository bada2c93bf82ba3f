"""What is used, counted from the rows of the apps above, which this app does not know.

Each of them has a function that says how much of what people and teams use now. Nothing is kept here, so
nothing can be out of step.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Literal

from django.utils.module_loading import import_string

from quotas.models import Account

# (what holds it, its id): that of a person or of a team
Holder = tuple[Literal["user", "team"], int]
Used = Mapping[Holder, Mapping[str, int]]
Counter = Callable[[Collection[int], Collection[int]], Used]
COUNTERS = ("clones.usage.used_by", "pools.usage.used_by", "provisioning.usage.used_by")


def holder_of(account: Account) -> Holder:
    if account.user_id is not None:
        return ("user", account.user_id)
    assert account.team_id is not None
    return ("team", account.team_id)


def used_by(holders: Collection[Holder]) -> Used:
    """What each of them uses; the number of queries does not grow with them."""
    people = [pk for kind, pk in holders if kind == "user"]
    teams = [pk for kind, pk in holders if kind == "team"]
    total: dict[Holder, dict[str, int]] = {holder: defaultdict(int) for holder in holders}
    for path in COUNTERS:
        counter: Counter = import_string(path)
        for holder, amounts in counter(people, teams).items():
            for quota, amount in amounts.items():
                total[holder][quota] += amount
    return total
