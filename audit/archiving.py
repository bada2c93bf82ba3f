"""Retention: old records go into a sealed file that still verifies, and then out of the tables.

The file is read back and verified before a single row goes, and exactly its rows go: the trigger lets those
between the first and the last of an archive that is `letting_go`, inside one transaction.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils import timezone

from audit.archive_files import archive_written, archived
from audit.chain import first_hash, moment
from audit.models import Archive, AuditEntry, AuditOutcome, ChainHead
from audit.seal import head_sealed
from audit.services import Actor, operation
from audit.streams import all_told
from audit.walk import Walk, records
from cowweb.errors import DomainError, ForbiddenError
from cowweb.live import ring


def archive_make(*, before: datetime, actor: Actor) -> Archive | None:
    """Archives the oldest records, up to the first that is not older; None where none is that old."""
    with operation(actor, "archive_audit", target="audit", params={"before": moment(before)}):
        if not actor.is_administrator:
            raise ForbiddenError("Only an administrator may archive the record")
        if before > timezone.now():
            raise DomainError(
                f"before={before:%Y-%m-%d} is yet to come: the record of today stays", field="before"
            )
        head = ChainHead.locked()
        if head.verified_wrong:
            raise DomainError(f"The record is not whole, so it stays where it is: {head.verified_wrong}")
        walk, last = left_off(head), all_told(last_before(before))
        if last <= walk.seq:
            return None
        archive = written(head, walk, last, before)
        let_go(archive)
        head_sealed()
        return archive


def left_off(head: ChainHead) -> Walk:
    """Where the archives end."""
    newest = Archive.objects.order_by("-last_seq").first()
    if newest is None:
        return Walk(first_hash(head.chain))
    return Walk(newest.last_hash, newest.last_seq, newest.last_entry)


def last_before(before: datetime) -> int:
    """The last record before the first that is not older; the newest entry always stays."""
    newer = [
        model._default_manager.filter(at__gte=before).order_by("seq").values_list("seq", flat=True).first()
        for model in (AuditEntry, AuditOutcome)
    ]
    return min(seq for seq in newer if seq) - 1 if any(newer) else 0


def written(head: ChainHead, walk: Walk, last: int, before: datetime) -> Archive:
    """The sealed file and its row, verified against the chain before anything relies on it."""
    name = f"records-{walk.seq + 1:012}-{last:012}.jsonl.gz"
    header = {"chain": head.chain, "first_seq": walk.seq + 1, "last_seq": last, "previous": walk.hash}
    sha256, end = archive_written(name, header, records(walk.seq, last))
    archive = Archive(name=name, sha256=sha256, before=before, last_hash=end.hash, **part(header))
    first = walk.entry
    for record in archived(archive):
        walk.on(record)
    archive.last_entry, archive.entries = walk.entry, walk.entry - first
    archive.save()
    return archive


def part(header: dict[str, Any]) -> dict[str, Any]:
    return {name: header[name] for name in ("first_seq", "last_seq", "previous")}


def let_go(archive: Archive) -> None:
    """The only door: open for the rows of this archive, and only in this transaction."""
    with transaction.atomic():
        Archive.objects.filter(pk=archive.pk).update(letting_go=True)
        span = (archive.first_seq, archive.last_seq)
        unlinked(span)
        for model in (AuditOutcome, AuditEntry):
            gone = model._default_manager.filter(seq__range=span)
            gone._raw_delete(gone.db)  # no cascade to collect: nothing may hang on these rows
        Archive.objects.filter(pk=archive.pk).update(letting_go=False)
        ring("audit")


def unlinked(span: tuple[int, int]) -> None:
    """What pointed at these entries points at none: their numbers are in the archive."""
    for model, name in pointing():
        model._default_manager.filter(**{f"{name}__seq__range": span}).update(**{name: None})


def pointing() -> list[tuple[type[Model], str]]:
    """Models of whichever app with a key to an entry, and its name; outcomes are records themselves."""
    relations = AuditEntry._meta.get_fields(include_hidden=True)
    return [
        (relation.related_model, relation.field.name)
        for relation in relations
        if isinstance(relation, ForeignObjectRel) and relation.related_model is not AuditOutcome
    ]
