"""The database's own refusal to change the record, in SQL for SQLite and PostgreSQL.

SQLite drops a table's triggers when a migration makes the table anew, so a migration that alters one of these
tables runs `created` again; `missing` is what verification asks.
"""

from typing import Any

TABLES = ("audit_auditentry", "audit_auditoutcome")
WORDS = "the audit record only grows"
KEYS = {"audit_auditentry": ("id", "seq"), "audit_auditoutcome": ("id", "seq", "entry_id")}
ARCHIVED = "EXISTS (SELECT 1 FROM audit_archive WHERE letting_go AND OLD.seq BETWEEN first_seq AND last_seq)"

SQLITE = {
    "no_update": f"CREATE TRIGGER IF NOT EXISTS {{table}}_no_update BEFORE UPDATE ON {{table}}"
    f" BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    "no_delete": f"CREATE TRIGGER IF NOT EXISTS {{table}}_no_delete BEFORE DELETE ON {{table}}"
    f" WHEN NOT {ARCHIVED} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    # INSERT OR REPLACE deletes the row that is in its way, and SQLite asks no trigger about that
    "no_replace": f"CREATE TRIGGER IF NOT EXISTS {{table}}_no_replace BEFORE INSERT ON {{table}}"
    f" WHEN EXISTS (SELECT 1 FROM {{table}} WHERE {{taken}}) BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
}
FUNCTION = f"""CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF {ARCHIVED} THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation';
END $$"""
POSTGRES = {
    "no_update": "CREATE OR REPLACE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    "no_delete": "CREATE OR REPLACE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION audit_only_grows()",
    "no_truncate": "CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()",
}
LETTING_GO = ("no_delete", "no_truncate")


def of(connection: Any) -> dict[str, str]:
    return POSTGRES if connection.vendor == "postgresql" else SQLITE


def statements(connection: Any) -> dict[str, str]:
    """Each trigger's name, and what makes it."""
    made = {}
    for table in TABLES:
        taken = " OR ".join(f"{key} = NEW.{key}" for key in KEYS[table])
        for kind, statement in of(connection).items():
            made[f"{table}_{kind}"] = statement.format(table=table, taken=taken)
    return made


def created(connection: Any) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(FUNCTION)
        for statement in statements(connection).values():
            cursor.execute(statement)


def dropped(connection: Any, kinds: tuple[str, ...] = ()) -> None:
    """All of them, or some kinds: for a migration that goes back, and for tests that clear their tables."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for kind in kinds or tuple(of(connection)):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{kind}{on}")


def missing(connection: Any) -> list[str]:
    """The triggers that should be there and are not, or do something else."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return absent_in_postgres(cursor, connection)
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        there = dict(cursor.fetchall())
    wanted = {name: text.replace("IF NOT EXISTS ", "", 1) for name, text in statements(connection).items()}
    return sorted(name for name, text in wanted.items() if there.get(name) != text)


def absent_in_postgres(cursor: Any, connection: Any) -> list[str]:
    """One whose function is another has none."""
    cursor.execute(
        "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE tgenabled <> 'D'"
    )
    body = FUNCTION.split("$$")[1].strip()
    there = {name for name, source in cursor.fetchall() if source.strip() == body}
    return sorted(set(statements(connection)) - there)
