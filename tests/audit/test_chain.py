"""The record is one chain, whoever writes at once, and whatever is changed in it is found and named."""

import json
import re

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from audit import triggers
from audit.models import AppendOnly, AuditEntry, AuditOutcome, ChainHead, Via
from audit.seal import anchor_kept, folder, head_sealed
from audit.services import Actor, finish, operation
from audit.verify import sealed_anew, verified
from cowweb.errors import DomainError

COLUMNS = [
    (model, field.attname)
    for model in (AuditEntry, AuditOutcome)
    for field in model._meta.concrete_fields
    if not (model is AuditOutcome and field.primary_key)
]


@pytest.fixture
def tampered(guarded):
    """Changes the tables as someone does who has the database: without its triggers, which come back."""

    def change(sql, *params):
        triggers.dropped(connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            assert cursor.rowcount == 1
        triggers.created(connection)

    return change


def test_a_record_that_nobody_touched_is_whole(record, guarded):
    verdict = verified()
    assert (verdict.wrong, verdict.entry, verdict.records) == ("", 12, 24)
    head = ChainHead.objects.get()
    assert (head.seq, head.verified_seq, head.verified_entry) == (24, 24, 12)


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=[f"{m.__name__}.{c}" for m, c in COLUMNS])
def test_a_changed_byte_is_found_and_named(record, tampered, model, column):
    row = model.objects.order_by("pk")[4]
    old = getattr(row, column)
    new = {int: lambda: old + 1000, str: lambda: f"{old[:-1]}%", dict: lambda: json.dumps({"cpus": 2})}
    value = new[type(old)]() if type(old) in new else "2001-01-01 00:00:00+00:00"
    if column == "actor_id":
        value = None
    tampered(f"UPDATE {model._meta.db_table} SET {column} = %s WHERE id = %s", value, row.pk)
    wrong = verified().wrong
    assert "entry 5" in wrong or "entry 1005" in wrong


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("audit_auditentry", "at", "2026-13-26 19:46:48"),
        ("audit_auditentry", "params", '{"cpus": 1'),
        ("audit_auditoutcome", "at", ""),
        ("audit_auditoutcome", "asked_at", "x"),
        ("audit_auditoutcome", "changes", "{"),
    ],
)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps no such value")
def test_a_byte_changed_to_what_cannot_be_read_is_found_and_named(
    record, tampered, table, column, value, admin, client
):
    connection.cursor().execute("PRAGMA ignore_check_constraints = 1")
    tampered(f"UPDATE {table} SET {column} = %s WHERE id = 5", value)
    connection.cursor().execute("PRAGMA ignore_check_constraints = 0")
    verdict = verified()
    assert re.match(
        r"(entry|outcome|the outcome of entry) 5 \(record \d+\) is not what was written", verdict.wrong
    )
    client.force_login(admin)
    assert verdict.wrong in client.get("/audit/").content.decode()


def test_a_head_that_names_another_entry_is_found(record, guarded):
    ChainHead.objects.update(entry_id=11)
    assert verified().wrong == "the head says that entry 11 is the last, and entry 12 is"


def test_a_missing_entry_is_named(record, tampered):
    tampered("DELETE FROM audit_auditentry WHERE id = 7")
    assert verified().wrong == "entry 7 is missing (record 13)"


def test_a_missing_outcome_is_named(record, tampered):
    tampered("DELETE FROM audit_auditoutcome WHERE entry_id = 7")
    assert verified().wrong == "an outcome is missing after entry 7 (record 14)"


def test_a_cut_end_is_found_by_the_head(record, tampered):
    tampered("DELETE FROM audit_auditoutcome WHERE entry_id = 12")
    assert "the end is cut: entry 12 is the last" in verified().wrong


def test_a_cut_end_is_found_though_the_head_was_moved_back(record, tampered):
    verified()
    tampered("DELETE FROM audit_auditoutcome WHERE entry_id = 12")
    last = AuditEntry.objects.get(pk=12)
    ChainHead.objects.update(seq=last.seq, hash=last.hash)
    assert "the end is cut: 24 records were sealed and 23 are there" in verified().wrong


def test_an_end_written_anew_is_found(record, tampered, actor):
    verified()
    tampered("DELETE FROM audit_auditoutcome WHERE entry_id = 12")
    last = AuditEntry.objects.get(pk=12)
    ChainHead.objects.update(seq=last.seq, hash=last.hash)
    finish(12, "failed", "another end")
    assert verified().wrong == "the record was written anew: record 24 is not the one that was sealed"


def test_a_forged_or_foreign_seal_is_no_seal(record, guarded):
    verified()
    file = folder() / "head.json"
    file.write_text(file.read_text().replace('\\"seq\\": 24', '\\"seq\\": 20'))
    assert verified().wrong == "head.json was not sealed by this site"


def test_a_seal_that_is_gone_is_missed_until_it_is_made_anew_on_record(record, guarded, admin):
    verified()
    (folder() / "head.json").unlink()
    assert "the sealed head beside the database is gone" in verified().wrong
    sealed_anew(Actor(user=admin, via=Via.SHELL))
    assert verified().wrong == ""
    assert AuditEntry.objects.order_by("pk").last().action == "seal_audit"
    with pytest.raises(DomainError, match="There is a sealed head"):
        sealed_anew(Actor(user=admin, via=Via.SHELL))


@pytest.mark.parametrize(("seq", "words"), [(10**9, "was put in from outside"), (-7, "before the first")])
def test_a_row_that_was_put_in_beside_the_chain_is_found(record, tampered, seq, words):
    tampered(
        "INSERT INTO audit_auditentry (id, seq, previous, hash, at, actor_name, via, address, agent, request_id,"
        " token, on_behalf_of, action, target, params)"
        f" SELECT 999999, {seq}, previous, hash, at, 'admin', via, address, agent, request_id,"
        " token, on_behalf_of, 'remove', 'clone:forged', params FROM audit_auditentry WHERE id = 5"
    )
    assert words in verified().wrong
    assert words in verified(whole=False).wrong


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM audit_name WHERE text = 'clone:web-5'", "lacks the target 'clone:web-5' of entry 6"),
        (
            "UPDATE audit_name SET text = 'clone:x' WHERE text = 'clone:web-5'",
            "lacks the target 'clone:web-5'",
        ),
        (
            "INSERT INTO audit_name (kind, text) VALUES ('target', 'web')",
            "has the target 'web', which no entry",
        ),
        ("DELETE FROM audit_name WHERE kind = 'actor'", "lacks the actor"),
        (
            "UPDATE audit_name SET text = 'clone ' WHERE kind = 'action'",
            "lacks the action 'clone' of entry 1",
        ),
    ],
)
def test_what_entries_are_found_by_is_held_to_the_record(record, tampered, sql, words):
    """A name too few hides entries; one that is just what is looked for hides those that it is a part of."""
    verified()
    tampered(sql)
    assert words in verified().wrong
    call_command("verify_audit", "--names")
    assert verified().wrong == ""
    assert AuditEntry.objects.order_by("pk").last().action == "index_audit"


def test_a_name_that_new_entries_lack_is_missed_at_the_next_look(record, tampered):
    verified()
    record(13)
    tampered("DELETE FROM audit_name WHERE text = 'clone:web-12'")
    assert "lacks the target 'clone:web-12' of entry 25" in verified(whole=False).wrong


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite replaces a row that is in the way")
@pytest.mark.parametrize("table", triggers.TABLES)
def test_the_database_refuses_to_replace_a_record(record, guarded, table):
    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
        connection.cursor().execute(f"REPLACE INTO {table} SELECT * FROM {table} WHERE seq < 9")
    assert verified().wrong == ""


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's is in its function")
def test_a_guard_that_guards_nothing_is_none(record, guarded):
    triggers.dropped(connection, ("no_update",))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER audit_auditentry_no_update BEFORE UPDATE ON audit_auditentry WHEN 0"
            " BEGIN SELECT 1; END"
        )
    wrong = verified().wrong
    triggers.dropped(connection, ("no_update",))
    triggers.created(connection)
    assert "audit_auditentry_no_update" in wrong


def test_the_seal_never_goes_back(record):
    head_sealed()
    kept = anchor_kept()
    ChainHead.objects.update(seq=3, hash="0" * 64)
    head_sealed()
    assert anchor_kept() == kept


def test_what_came_since_is_looked_at_alone(record, guarded):
    verified()
    record(2)
    assert verified(whole=False).records == 4


def test_a_missing_guard_is_told(record, guarded):
    triggers.dropped(connection, ("no_update",))
    wrong = verified().wrong
    triggers.created(connection)
    assert "audit_auditentry_no_update" in wrong


@pytest.mark.parametrize("table", triggers.TABLES)
@pytest.mark.parametrize("words", ["UPDATE {} SET hash = ''", "DELETE FROM {}"])
def test_the_database_refuses_to_change_the_record(record, guarded, table, words):
    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
        connection.cursor().execute(words.format(table))
    assert verified().wrong == ""


def test_a_row_is_not_saved_twice(record):
    with pytest.raises(AppendOnly):
        AuditEntry.objects.get(pk=3).save()


def test_verify_audit_exits_with_what_it_found(record, tampered, capsys):
    call_command("verify_audit")
    assert "Verified to entry 12: 24 records" in capsys.readouterr().out
    tampered("UPDATE audit_auditentry SET target = 'clone:other' WHERE id = 5")
    with pytest.raises(SystemExit) as left:
        call_command("verify_audit")
    assert left.value.code == 1
    assert "NOT WHOLE: entry 5 (record 9) is not what was written" in capsys.readouterr().err


def test_text_that_no_database_keeps_is_kept_as_it_can_be(site, actor, guarded):
    with operation(actor, "clone", target="clone:\0\ud800", params={"a": [float("inf"), 1e22, "\0"]}):
        pass
    assert verified().wrong == ""
    assert AuditEntry.objects.get().params["a"][0] == "inf"
