"""The index of names, held to the record: it is no part of the chain, and what it lacks nobody finds by name.

A name too few hides entries from who looks for a part of it, and so does one too many: what is a whole name
is looked for alone.

Example::

    names = Names(whole=True, since=0)
    names.on(record)        # each record of the way
    names.checked()         # Wrong, naming what differs
"""

from django.db.models import QuerySet

from audit.archive_files import archived
from audit.models import Archive, AuditEntry, Name
from audit.services import Actor, operation
from audit.walk import Record, Wrong
from cowweb.errors import ForbiddenError

COLUMNS = {Name.Kind.ACTOR: "actor_name", Name.Kind.ACTION: "action", Name.Kind.TARGET: "target"}
REBUILT = "`manage.py verify_audit --names` writes the index anew from the record, and that is on record"


class Names:
    """`whole` looks for names that no entry has, too: those of archived entries pass by."""

    def __init__(self, *, whole: bool, since: int) -> None:
        self.since = since
        self.unknown = {kind: extra(kind) if whole else set() for kind in COLUMNS}

    def on(self, record: Record) -> None:
        if record.said["kind"] == "entry":
            for kind, column in COLUMNS.items():
                self.unknown[kind].discard(record.said[column])

    def checked(self) -> None:
        for kind, column in COLUMNS.items():
            if text := next(iter(lacking(kind, column, self.since)), None):
                entries = AuditEntry.objects.filter(seq__gt=self.since, **{column: text}).order_by("seq")
                first = entries.values_list("pk", flat=True).first()
                raise Wrong(f"the index of names lacks the {kind} {text!r} of entry {first}: {REBUILT}")
            if self.unknown[kind]:
                text = min(self.unknown[kind])
                raise Wrong(f"the index of names has the {kind} {text!r}, which no entry has: {REBUILT}")


def lacking(kind: str, column: str, since: int = 0) -> "QuerySet[AuditEntry, str]":
    """Names of entries that are not in the index."""
    entries = AuditEntry.objects.exclude(**{column: ""}).order_by()
    entries = entries.filter(seq__gt=since) if since else entries
    return entries.values_list(column, flat=True).difference(kept(kind))


def extra(kind: Name.Kind) -> set[str]:
    """Names of the index that no entry of the tables has."""
    entries = AuditEntry.objects.order_by().values_list(COLUMNS[kind], flat=True)
    return set(kept(kind).difference(entries))


def kept(kind: str) -> "QuerySet[Name, str]":
    return Name.objects.filter(kind=kind).order_by().values_list("text", flat=True)


def names_rebuilt(actor: Actor) -> None:
    """The index as the record has it, archives too."""
    with operation(actor, "index_audit", target="audit"):
        if not actor.is_administrator:
            raise ForbiddenError("Only an administrator may write the index of names anew")
        unknown = Names(whole=True, since=0)
        for archive in Archive.objects.order_by("first_seq"):
            for record in archived(archive):
                unknown.on(record)
        for kind, column in COLUMNS.items():
            Name.objects.filter(kind=kind, text__in=unknown.unknown[kind]).delete()
            Name.objects.bulk_create(Name(kind=kind, text=text) for text in lacking(kind, column))
