"""Keeping what the reconciler finds. One difference is one row, counted while it lasts.

Example::

    finding_noted(Noted(Kind.FOLDER, "clones/0123456789ab", "a folder that no clone has"))
    findings_gone(Kind.FOLDER, seen={"clones/0123456789ab"})    # those not seen any more are resolved
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from audit.services import SYSTEM, operation
from cowweb.live import ring
from hosts.models import Finding

Kind, State, Decision = Finding.Kind, Finding.State, Finding.Decision
TOPIC = "findings"
SAME_REPAIR = timedelta(hours=1)  # one that comes back within is the same trouble, counted
GONE = "It was gone at the next look."
AT_ONCE = 500
OWN_NAME = re.compile(r"[a-z]+:", re.ASCII)
WAITING_KEY = "findings.waiting"


@dataclass(frozen=True, slots=True)
class Noted:
    """One difference, as a look sees it. `evidence` tells this very thing from a later one of its name."""

    kind: str
    subject: str
    found: str
    done: str = ""
    state: str = State.WAITING
    evidence: dict[str, Any] = field(default_factory=dict)


def finding_noted(noted: Noted) -> Finding:
    """Keeps a difference; what is known already is only counted."""
    known = finding_known(noted)
    if known is not None:
        Finding.objects.filter(pk=known.pk).update(
            last_seen=timezone.now(), count=F("count") + 1, found=noted.found, evidence=noted.evidence
        )
        return known
    return finding_begun(noted)


def findings_noted(seen: Iterable[Noted], kinds: Collection[str]) -> list[Noted]:
    """Keeps what one look at these kinds sees, as it sees it: what was done about a difference never stands
    without its finding for long. What is known may be thousands: they are counted at once."""
    known = {(one.kind, one.subject): one for one in Finding.objects.open().filter(kind__in=kinds)}
    same: list[int] = []
    noted_now: list[Noted] = []
    for noted in seen:
        noted_now.append(noted)
        one = known.get((noted.kind, noted.subject[:300]))
        said = (noted.found, noted.evidence) if noted.state in Finding.OPEN else None
        if one and (one.found, one.evidence) == said:
            same.append(one.pk)
        else:
            finding_noted(noted)
    for start in range(0, len(same), AT_ONCE):
        found = Finding.objects.filter(pk__in=same[start : start + AT_ONCE])
        found.update(last_seen=timezone.now(), count=F("count") + 1)
    return noted_now


def finding_known(noted: Noted) -> Finding | None:
    """The open finding of this; or the one that was decided to be left, or was repaired just now."""
    last = Finding.objects.filter(kind=noted.kind, subject=noted.subject[:300]).order_by("-pk").first()
    if last is None or (noted.state in Finding.OPEN and last.evidence != noted.evidence):
        return last if last and last.state in Finding.OPEN else None
    if noted.state in Finding.OPEN:
        return last if last.state in Finding.OPEN or last.decision == Decision.LEAVE else None
    recent = last.last_seen > timezone.now() - SAME_REPAIR
    return last if last.state == noted.state and last.found == noted.found and recent else None


def target_of(kind: str, subject: str) -> str:
    """How other entries call it: what has a name of its own, such as a clone, by that."""
    return subject if OWN_NAME.match(subject) else f"{kind}:{subject}"


def finding_begun(noted: Noted) -> Finding:
    now = timezone.now()
    params = {"state": noted.state, "found": noted.found, "done": noted.done}
    ended = now if noted.state == State.REPAIRED else None
    subject = noted.subject[:300]
    with operation(SYSTEM, "reconcile", target=target_of(noted.kind, subject), params=params):
        try:
            with transaction.atomic():
                made = Finding.objects.create(
                    kind=noted.kind,
                    subject=subject,
                    found=noted.found,
                    done=noted.done,
                    state=noted.state,
                    evidence=noted.evidence,
                    first_seen=now,
                    last_seen=now,
                    ended_at=ended,
                )
                ring(TOPIC)
        except IntegrityError:  # another process saw it at the same moment
            return Finding.objects.open().get(kind=noted.kind, subject=subject)
    waiting_changed()
    return made


def repaired(kind: str, subject: str, found: str, done: str) -> Finding:
    """A difference that was put right at once."""
    return finding_noted(Noted(kind, subject, found, done, State.REPAIRED))


def findings_gone(kinds: Collection[str], *, seen: Collection[tuple[str, str]]) -> int:
    """Resolves the open findings of these kinds that the last look did not see."""
    gone = [
        one.pk for one in Finding.objects.open().filter(kind__in=kinds) if (one.kind, one.subject) not in seen
    ]
    return sum(finding_moved(pk, done=GONE) for pk in gone)


def finding_moved(pk: int, *, done: str, decision: str = "", decided_by: str = "") -> bool:
    """The one door out of the open states."""
    with transaction.atomic():
        moved = (
            Finding.objects.open()
            .filter(pk=pk)
            .update(
                state=State.RESOLVED,
                done=done,
                decision=decision,
                decided_by=decided_by,
                ended_at=timezone.now(),
            )
        )
        if moved:
            ring(TOPIC)
    waiting_changed()
    return bool(moved)


def waiting_changed() -> int:
    """Counts anew what waits for a decision, for the pages of this process."""
    count = Finding.objects.waiting().count()
    cache.set(WAITING_KEY, count, None)
    return count


def waiting_count() -> int:
    """How many findings wait for a decision; every page of an administrator says so, so it is kept."""
    kept: int | None = cache.get(WAITING_KEY)
    return waiting_changed() if kept is None else kept
