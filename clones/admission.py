"""Whether there is room for machines that are asked for: in the quotas of their people, and on the host.

Called inside the transaction that writes the rows down: a refusal takes them back.
"""

from collections.abc import Sequence

from clones.models import Clone
from clones.usage import charges_of, machine_of
from hosts.capacity import room_checked
from quotas.checking import checked


def admitted(clones: Sequence[Clone], *, new: bool = True) -> None:
    """Refuses all of them where one is too many. `new`: just made; otherwise only started again."""
    checked(charges_of(clones, new=new))
    room_checked([machine_of(clone, new=new) for clone in clones], clones[0].revision.base.name)
