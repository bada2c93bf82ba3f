"""Going along the chain, record by record, from archives and tables alike.

Example::

    walk = Walk(first_hash(chain))
    walk.on(said, previous, hash_)     # Wrong, or the next place
"""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import QuerySet

from audit.chain import facts, link_hash
from audit.models import AuditEntry, AuditOutcome

AT_ONCE = 2000


class Wrong(Exception):
    """The first record that is not as it was written."""


class Record(NamedTuple):
    """What a row says, and the two hashes that it carries."""

    said: dict[str, Any]
    previous: str
    hash: str


class Walk:
    """Where one is, and whether the next record follows."""

    def __init__(self, hash_: str, seq: int = 0, entry: int = 0) -> None:
        self.hash, self.seq, self.entry = hash_, seq, entry
        self.passed: dict[int, str] = {}  # the hash at places that were asked for
        self.asked: set[int] = set()

    def on(self, record: Record) -> None:
        said = record.said
        if said["seq"] != self.seq + 1:
            raise Wrong(self.gap(said))
        if record.previous != self.hash:
            raise Wrong(f"{named(said)} does not follow the record before it")
        if record.hash != link_hash(self.hash, said):
            raise Wrong(f"{named(said)} is not what was written: its bytes do not match its hash")
        self.seq, self.hash = said["seq"], record.hash
        if said["kind"] == "entry":
            self.entry = said["id"]
        if self.seq in self.asked:
            self.passed[self.seq] = self.hash

    def gap(self, said: dict[str, Any]) -> str:
        if said["seq"] <= self.seq:
            return f"{named(said)} stands where another record is"
        follows = said["id"] if said["kind"] == "entry" else None
        if follows == self.entry + 1 or (said["kind"] == "outcome" and said["entry_id"] <= self.entry):
            return f"an outcome is missing after entry {self.entry} (record {self.seq + 1})"
        return f"entry {self.entry + 1} is missing (record {self.seq + 1})"


def named(said: dict[str, Any]) -> str:
    if said["kind"] == "entry":
        return f"entry {said['id']} (record {said['seq']})"
    return f"the outcome of entry {said['entry_id']} (record {said['seq']})"


def records(after: int, last: int) -> Iterator[Record]:
    """The records of the tables after a place and up to another, in the order of the chain."""
    both = heapq.merge(rows(AuditEntry, after, last), rows(AuditOutcome, after, last), key=place)
    return map(recorded, both)


def recorded(row: Any) -> Record:
    """Wrong where a byte was changed to what nobody could have written, such as a month of 13."""
    try:
        return Record(facts(row), row.previous, row.hash)
    except (AttributeError, TypeError, ValueError):
        raise unreadable("entry" if hasattr(row, "action") else "outcome", row.id, row.seq) from None


def unreadable(kind: str, number: object, seq: object) -> Wrong:
    return Wrong(f"{kind} {number} (record {seq}) is not what was written: it cannot be read")


def place(row: Any) -> int:
    return int(row.seq)


def rows(model: type[AuditEntry] | type[AuditOutcome], after: int, last: int) -> Iterator[Any]:
    """Read in portions, so that no long read stands in the way of who writes."""
    columns = [field.attname for field in model._meta.concrete_fields]
    while True:
        query = model._default_manager.filter(seq__gt=after, seq__lte=last).order_by("seq")
        try:
            portion = list(query.values_list(*columns, named=True)[:AT_ONCE])
        except (TypeError, ValueError):
            portion = one_by_one(query, columns)
        yield from portion
        if len(portion) < AT_ONCE:
            return
        after = portion[-1].seq


def one_by_one(query: QuerySet[Any], columns: list[str]) -> list[Any]:
    """The same portion, of which a row cannot be read: those before it, and then which it is."""
    portion = []
    for seq, number in list(query.values_list("seq", "pk")[:AT_ONCE]):
        try:
            portion.append(query.values_list(*columns, named=True).get(seq=seq))
        except (TypeError, ValueError):
            kind = "entry" if query.model is AuditEntry else "outcome"
            raise unreadable(kind, number, seq) from None
    return portion
