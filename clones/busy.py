"""Who works on a clone's disk: one at a time, and nobody starts, ends or removes the clone meanwhile.

The mark in the row is taken by a conditional update and names its holder, so that a mark whose holder died is
found: `clone:ID` (the clone being made of this one), `task:ID` (a disk task), `now:WORKER` (a process).

Example::

    with busy_with(clone.pk, f"clone:{child.pk}", since=[Status.STOPPED]) as clone:
        ...
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clones.models import Clone
from cowweb.errors import ConflictError
from cowweb.live import ring
from hosts.jobs import this_worker, worker_lives
from hosts.models import Job

MAKE = "clones.tasks.clone_make_task"
RESHAPE = "clones.tasks.disk_task"
TASKS = {"clone": MAKE, "task": RESHAPE}
WORDS = {"clone": "its disk is being cloned", "task": "its disk is being worked on"}
LOOK_S = 0.1


def busy_words(clone: Clone) -> str:
    """Why something cannot be done to the clone now; empty when nobody works on its disk."""
    kind = clone.busy.partition(":")[0]
    return WORDS.get(kind, "its disk is in use for a moment") if kind else ""


def now() -> str:
    """The mark of what this process does at once."""
    return f"now:{this_worker()}"


def busy_taken(clone_id: int, mark: str, *, since: Sequence[str]) -> bool:
    """Takes the mark where nobody has it; also one that this holder left when it died."""
    taken = Clone.objects.filter(pk=clone_id, status__in=since, busy__in=["", mark]).update(busy=mark)
    return bool(taken)


def busy_left(clone_id: int, mark: str) -> None:
    if Clone.objects.filter(pk=clone_id, busy=mark).update(busy=""):
        ring(f"clone.{clone_id}")


@contextmanager
def busy_with(clone_id: int, mark: str, *, since: Sequence[str], wait_s: float = 0.0) -> Iterator[Clone]:
    """The clone, for this holder alone. Refused when it is not free within the time."""
    until = time.monotonic() + wait_s
    while not busy_taken(clone_id, mark, since=since):
        if time.monotonic() >= until:
            clone = Clone.objects.get(pk=clone_id)
            raise ConflictError(f"{clone.name} is {clone.status}{', ' * bool(clone.busy)}{busy_words(clone)}")
        time.sleep(LOOK_S)
    try:
        yield Clone.objects.select_related("revision__base", "layer", "template").get(pk=clone_id)
    finally:
        busy_left(clone_id, mark)


def is_held(mark: str) -> bool:
    """Whether the holder lives, or its job will be taken up again."""
    kind, _, who = mark.partition(":")
    if kind in TASKS:
        return Job.objects.unfinished().filter(task=TASKS[kind], subject_id=int(who)).exists()
    return worker_lives(who)
