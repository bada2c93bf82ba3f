"""The database's own refusal to change the record, in SQL for SQLite and PostgreSQL.

SQLite drops a table's triggers when a migration makes the table anew, so a migration that alters one of these
tables runs `created` again; `missing` is what verification asks.
"""

from typing import Any

TABLES = ("audit_auditentry", "audit_auditoutcome")
WORDS = "the audit record only grows"
ARCHIVED = "EXISTS (SELECT 1 FROM audit_archive WHERE letting_go AND OLD.seq BETWEEN first_seq AND last_seq)"

SQLITE = {
    "no_update": f"CREATE TRIGGER IF NOT EXISTS {{table}}_no_update BEFORE UPDATE ON {{table}}"
    f" BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
    "no_delete": f"CREATE TRIGGER IF NOT EXISTS {{table}}_no_delete BEFORE DELETE ON {{table}}"
    f" WHEN NOT {ARCHIVED} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END",
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


def created(connection: Any) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(FUNCTION)
        for table in TABLES:
            for statement in of(connection).values():
                cursor.execute(statement.format(table=table))


def dropped(connection: Any, kinds: tuple[str, ...] = ()) -> None:
    """All of them, or some kinds: for a migration that goes back, and for tests that clear their tables."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for kind in kinds or tuple(of(connection)):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{kind}{on}")


def missing(connection: Any) -> list[str]:
    """The triggers that should be there and are not."""
    catalogue = (
        "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        there = {name for (name,) in cursor.fetchall()}
    return sorted({f"{table}_{kind}" for table in TABLES for kind in of(connection)} - there)
