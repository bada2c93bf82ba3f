"""Whether the record is whole: archives, tables, head, and the head that is kept beside.

Example::

    verdict = verified()        # Verdict(wrong="entry 17 (record 40) is not what was written: …")
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from audit import triggers
from audit.archive_files import archived
from audit.chain import first_hash
from audit.models import Archive, AuditEntry, AuditOutcome, ChainHead
from audit.names import Names
from audit.seal import Anchor, anchor_kept, head_sealed
from audit.services import Actor, operation
from audit.walk import Record, Walk, Wrong, records
from cowweb.errors import DomainError, ForbiddenError
from cowweb.live import ring

logger = logging.getLogger(__name__)

WHOLE_EVERY_S = 24 * 3600.0
BREATH_EVERY, BREATH_S = 500, 0.002  # in the server, pages come first
whole_at: list[float] = []  # when this process last looked at all of it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and the first thing that is wrong; nothing where all is well."""

    entry: int
    seq: int
    hash: str
    records: int
    archives: int
    wrong: str = ""
    note: str = ""


def verified(*, whole: bool = True, gently: bool = False) -> Verdict:
    """Looks at all of it, or at what came since the last look; what is found shows on the page."""
    archives = Archive.objects.count()
    verdict = looked(whole=whole, gently=gently)
    if verdict.wrong and Archive.objects.count() != archives:
        verdict = looked(whole=True, gently=gently)  # rows went into an archive meanwhile
    told(verdict)
    return verdict


def looked(*, whole: bool, gently: bool) -> Verdict:
    anchor = anchor_kept()  # before the head: it may only be behind
    head = ChainHead.objects.filter(pk=1).first() or ChainHead.locked()
    archives = list(Archive.objects.order_by("first_seq"))
    walk = begun(head, whole=whole or bool(head.verified_wrong))
    since, wrong = walk.seq, ""
    names = Names(whole=not since, since=since)
    try:
        guarded()
        beside(walk, anchor, head)
        for record in breathing(all_records(walk, archives, head.seq), gently=gently):
            walk.on(record)
            names.on(record)
        ended(walk, anchor, head)
        none_beyond()
        names.checked()
    except Wrong as error:
        wrong = str(error)
    note = "" if anchor else "there was no sealed head to compare the end with; there is one from now on"
    return Verdict(walk.entry, walk.seq, walk.hash, walk.seq - since, len(archives), wrong, note)


def begun(head: ChainHead, *, whole: bool) -> Walk:
    if whole or not head.verified_seq:
        return Walk(first_hash(head.chain))
    return Walk(head.verified_hash, head.verified_seq, head.verified_entry)


def guarded() -> None:
    if gone := triggers.missing(connection):
        raise Wrong(f"the database no longer guards the record: {', '.join(gone)} missing")


def beside(walk: Walk, anchor: Anchor | str | None, head: ChainHead) -> None:
    """The sealed head, before the way is gone."""
    if isinstance(anchor, str):
        raise Wrong(anchor)
    if anchor is None:
        if head.verified_seq:
            raise Wrong(
                "the sealed head beside the database is gone; who moved or restored the site without its"
                " audit folder seals it anew with `manage.py verify_audit --seal`, and that is on record"
            )
        return
    if anchor.chain != head.chain:
        raise Wrong("the sealed head beside the database is of another record")
    if anchor.seq > walk.seq:
        walk.asked.add(anchor.seq)


def all_records(walk: Walk, archives: list[Archive], last: int) -> Iterator[Record]:
    since = walk.seq
    for archive in archives:
        if archive.last_seq > walk.seq:
            yield from (record for record in archived(archive) if record.said["seq"] > since)
            if walk.hash != archive.last_hash:
                raise Wrong(f"the archive {archive} does not end where its row says")
    left = archives[-1].last_seq if archives else 0
    for model in (AuditEntry, AuditOutcome):
        if model._default_manager.filter(seq__lte=left).exists():
            words = "rows are still there that are in an archive" if left else "a row stands before the first"
            raise Wrong(words)
    yield from records(walk.seq, last)


def ended(walk: Walk, anchor: Anchor | str | None, head: ChainHead) -> None:
    """The end of the way is the head, and the sealed one lies on it."""
    if (walk.seq, walk.hash) != (head.seq, head.hash):
        raise Wrong(f"the end is cut: entry {walk.entry} is the last, and the head says {head.entry_id}")
    if walk.entry != head.entry_id:
        raise Wrong(f"the head says that entry {head.entry_id} is the last, and entry {walk.entry} is")
    if not isinstance(anchor, Anchor):
        return
    if anchor.seq > walk.seq:
        raise Wrong(
            f"the end is cut: {anchor.seq} records were sealed and {walk.seq} are there,"
            f" the last of them after entry {walk.entry}"
        )
    if anchor.seq in walk.asked and walk.passed.get(anchor.seq) != anchor.hash:
        raise Wrong(f"the record was written anew: record {anchor.seq} is not the one that was sealed")


def none_beyond() -> None:
    """No row has a place that the chain never reached. Looked for before the head is read: who writes a
    record now moves the head with it."""
    last = [
        model._default_manager.order_by("-seq").values_list("seq", "pk").first()
        for model in (AuditEntry, AuditOutcome)
    ]
    reached = ChainHead.objects.values_list("seq", flat=True).get(pk=1)
    for kind, found in zip(("entry", "outcome"), last, strict=True):
        if found and not (isinstance(found[0], int) and found[0] <= reached):
            raise Wrong(f"{kind} {found[1]} was put in from outside: its place {found[0]} was never given")


def breathing(of: Iterator[Record], *, gently: bool) -> Iterator[Record]:
    for number, record in enumerate(of):
        if gently and number % BREATH_EVERY == BREATH_EVERY - 1:
            time.sleep(BREATH_S)
        yield record


def told(verdict: Verdict) -> None:
    """Kept for the page; a record that is in order is sealed anew."""
    found = {"verified_at": timezone.now(), "verified_wrong": verdict.wrong}
    if verdict.wrong:
        logger.error("The audit record is not whole: %s", verdict.wrong)
    else:
        found |= {
            "verified_seq": verdict.seq,
            "verified_hash": verdict.hash,
            "verified_entry": verdict.entry,
        }
        head_sealed()
    ChainHead.objects.filter(pk=1).update(**found)
    ring("audit")


def sealed_anew(actor: Actor) -> None:
    """For a site whose sealed head is gone: seals where the record ends now, and says so in the record."""
    with operation(actor, "seal_audit", target="audit"):
        if not actor.is_administrator:
            raise ForbiddenError("Only an administrator may seal the record anew")
        if anchor_kept() is not None:
            raise DomainError("There is a sealed head: the record is verified against that")
    head_sealed()


def looked_after() -> None:
    """For the server: all of it at the start and once a day, what is new in between."""
    due = not whole_at or time.monotonic() - whole_at[-1] >= WHOLE_EVERY_S
    if due:
        whole_at[:] = [time.monotonic()]
        planned_well()
    verified(whole=due, gently=True)


def planned_well() -> None:
    """SQLite chooses among the indexes by what a small sample told it; PostgreSQL sees to that itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            for table in triggers.TABLES:
                cursor.execute(f"ANALYZE {table}")
