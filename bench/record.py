"""A long audit record, chained as the services chain it, and what reading it takes: for `bench.inside`."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import DateTimeField, Field, JSONField, Model

from audit.chain import facts, link_hash
from audit.looking import looked
from audit.models import AuditEntry, AuditOutcome, ChainHead, Name
from audit.verify import planned_well, verified

AT_ONCE = 5000
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
ACTIONS = ("clone", "start", "stop", "remove", "execute", "provision", "snapshot", "list")
RARE = {"promote": 150, "flatten": 170}
PEOPLE, OF_ONE = 20, 100


def audit_rows(count: str) -> int:
    """So many entries over a month, each with its outcome; one in a hundred failed."""
    most = int(count)
    with without_indexes(AuditEntry, AuditOutcome):
        for first in range(0, most, AT_ONCE):
            with transaction.atomic():
                block(range(first, min(first + AT_ONCE, most)), most)
    planned_well()
    return AuditEntry.objects.count()


@contextmanager
def without_indexes(*models: type[Model]) -> Iterator[None]:
    """They are made once at the end: to keep them in order row by row takes longer than all the rest."""
    with connection.schema_editor() as editor:
        for model in models:
            for index in model._meta.indexes:
                editor.remove_index(model, index)
    yield
    with connection.schema_editor() as editor:
        for model in models:
            for index in model._meta.indexes:
                editor.add_index(model, index)


def block(numbers: range, most: int) -> None:
    head, user = ChainHead.locked(), User.objects.get(username="admin")
    said = []
    seq, hash_, pk = head.seq, head.hash, head.entry_id
    names: set[tuple[str, str]] = set()
    for number in numbers:
        pk += 1
        at = FIRST + timedelta(days=DAYS) * (number / most)
        entry = entry_of(number, pk, at, user, most // OF_ONE)
        names |= {(kind, str(getattr(entry, column))) for kind, column in NAMES}
        for row in (entry, outcome_of(number, pk, at)):
            seq += 1
            row.seq, row.previous = seq, hash_
            row.hash = hash_ = link_hash(hash_, facts(row))
            said.append(row)
    written(AuditEntry, said[::2])
    written(AuditOutcome, said[1::2])
    Name.objects.bulk_create((Name(kind=kind, text=text) for kind, text in names), ignore_conflicts=True)
    head.moved_to(seq, hash_, pk)


def written(model: type[Model], rows: Sequence[Model]) -> None:
    """As `bulk_create`, in a third of its time: times and JSON alone need to be made fit for the database."""
    fields = [field for field in model._meta.concrete_fields if model is AuditEntry or field.name != "id"]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    statement = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"
    fitted = [(field.attname, field if isinstance(field, FITTED) else None) for field in fields]
    values = [[fit(getattr(row, name), field) for name, field in fitted] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


def fit(value: Any, field: Field[Any, Any] | None) -> Any:
    return field.get_db_prep_save(value, connection) if field else value


FITTED = (DateTimeField, JSONField)
NAMES = (("actor", "actor_name"), ("action", "action"), ("target", "target"))


def entry_of(number: int, pk: int, at: datetime, user: User, machines: int) -> AuditEntry:
    rare = next((action for action, every in RARE.items() if number % every == 7), "")
    return AuditEntry(
        pk=pk,
        at=at,
        actor=user,
        actor_name=f"user-{number * 7 % PEOPLE}",
        via=("web", "api", "shell")[number % 3],
        address="192.0.2.7",
        agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        request_id=f"{number:016x}",
        action=rare or ACTIONS[number * 5 // 3 % len(ACTIONS)],
        target=f"clone:web-{number * 13 % machines}",
        params={"memory": "512M", "cpus": 2},
    )


def outcome_of(number: int, pk: int, at: datetime) -> AuditOutcome:
    result = "failed" if number % 100 == 3 else "refused" if number % 20 == 9 else "done"
    reason = "" if result == "done" else "The guest did not answer within 180 s"
    later = at + timedelta(milliseconds=700)
    return AuditOutcome(entry_id=pk, at=later, asked_at=at, result=result, reason=reason)


def audit_scan(rounds: str) -> dict[str, list[float]]:
    """The page's own reading of one filter, and the same rows found by looking at every row."""
    user = User.objects.get(username="admin")
    query = {"actor": "user-9", "action": "promote"}
    every = (
        "SELECT id FROM audit_auditentry WHERE +actor_name = 'user-9' AND +action = 'promote'"
        " ORDER BY +at DESC LIMIT 51"
        if connection.vendor == "sqlite"
        else "SELECT id FROM audit_auditentry WHERE actor_name || '' = 'user-9' AND action || '' = 'promote'"
        " ORDER BY at + interval '0' DESC LIMIT 51"
    )
    times: dict[str, list[float]] = {"scan of the table": [], "page by index": []}
    for _ in range(int(rounds)):
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(every)
            cursor.fetchall()
        between = time.perf_counter()
        looked(user, query)
        times["scan of the table"].append((between - began) * 1000)
        times["page by index"].append((time.perf_counter() - between) * 1000)
    return times


def audit_verified() -> dict[str, Any]:
    began = time.perf_counter()
    verdict = verified()
    return {"ms": (time.perf_counter() - began) * 1000, "records": verdict.records, "wrong": verdict.wrong}
