"""The filtered record as CSV or JSON Lines, row by row as it is read.

Example::

    export = export_begin(user_query, "csv", actor=actor)     # an entry of its own
    for piece in export.pieces: ...
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.chain import moment
from audit.filters import FILTERS, all_of, entries_for
from audit.models import AuditEntry
from audit.services import Actor, operation
from cowweb.errors import DomainError

KINDS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
COLUMNS = (
    *("entry", "at", "actor", "on_behalf_of", "via", "address", "agent", "token", "action", "target"),
    *("params", "outcome", "reason", "ended_at", "changes", "request_id", "seq", "hash"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
PIECE_ROWS = 200


@dataclass(frozen=True, slots=True)
class Export:
    name: str
    content_type: str
    pieces: Iterator[str]


class Echo:
    """A file for the csv module that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def export_begin(query: Mapping[str, str], kind: str, *, actor: Actor) -> Export:
    """What a person may see of the record, filtered as asked. Who took it along is on record too."""
    kept = {key: query[key] for key in FILTERS if query.get(key)}
    with operation(actor, "export_audit", target="audit", params={"format": kind, **kept}):
        if kind not in KINDS:
            raise DomainError(f"format={kind!r} is not known: write csv or jsonl", field="format")
        if actor.user is None:
            raise DomainError("Only a person may export the record")
        entries = all_of(entries_for(actor.user, query))
        pieces = in_pieces(csv_lines(entries) if kind == "csv" else json_lines(entries))
        return Export(f"audit.{kind}", KINDS[kind], pieces)


def in_pieces(lines: Iterator[str]) -> Iterator[str]:
    """Many lines at once: each piece is a turn of the server."""
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == PIECE_ROWS:
            yield "".join(waiting)
            waiting.clear()
    if waiting:
        yield "".join(waiting)


def json_lines(entries: Iterator[AuditEntry]) -> Iterator[str]:
    return (json.dumps(as_row(entry), ensure_ascii=False) + "\n" for entry in entries)


def csv_lines(entries: Iterator[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        row = as_row(entry)
        yield writer.writerow([cell(row[column]) for column in COLUMNS])


def cell(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def as_row(entry: AuditEntry) -> dict[str, Any]:
    outcome = getattr(entry, "outcome", None)
    return {
        "entry": entry.pk,
        "at": moment(entry.at),
        "actor": entry.actor_name,
        "on_behalf_of": entry.on_behalf_of,
        "via": entry.via,
        "address": entry.address,
        "agent": entry.agent,
        "token": entry.token,
        "action": entry.action,
        "target": entry.target,
        "params": entry.params,
        "outcome": outcome.result if outcome else "",
        "reason": outcome.reason if outcome else "",
        "ended_at": moment(outcome.at) if outcome else "",
        "changes": outcome.changes if outcome else {},
        "request_id": entry.request_id,
        "seq": entry.seq,
        "hash": entry.hash,
    }
