"""Whether there is room for machines that are asked for: in the quotas of their people, and on the host.

Called inside the transaction that writes the rows down: a refusal takes them back.
"""

from collections.abc import Sequence

from clones.models import Clone
from clones.usage import charges_of, machine_of, whole_of
from hosts.capacity import room_checked
from quotas.checking import Charge, checked


def admitted(clones: Sequence[Clone], *, new: bool = True) -> None:
    """Refuses all of them where one is too many. `new`: just made; otherwise only started again."""
    checked(charges_of(clones, new=new))
    room_checked([machine_of(clone, new=new) for clone in clones], clones[0].revision.base.name)


def handed_over(clone: Clone, *, user: int | None, team: int | None) -> None:
    """Refuses a clone to a person or team whose quotas it does not fit in. Its row says that it is theirs."""
    checked([Charge(user=user, team=team, amounts=whole_of(clone, layers=True))], later=())


def taken_back(clone: Clone) -> None:
    """Refuses a clone out of the bin for which its owner or team have no room any more."""
    amounts = whole_of(clone, layers=False)
    checked([Charge(user=clone.owner_id, team=clone.team_id, amounts=amounts)], later=())
