"""What was on record before there was a chain is put into it."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from audit import triggers
from audit.models import AuditEntry, AuditOutcome, ChainHead, Name
from audit.services import operation
from audit.verify import verified

chain_rows = import_module("audit.migrations.0003_chain_rows")


@pytest.fixture
def unchained(record, guarded):
    """The same rows as they were: no place, no hash, no head."""
    triggers.dropped(connection)
    with connection.cursor() as cursor:
        for table in triggers.TABLES:
            cursor.execute(f"UPDATE {table} SET seq = seq + 1000, previous = '', hash = ''")
    ChainHead.objects.all().delete()
    Name.objects.all().delete()


def test_existing_rows_become_the_chain_and_new_ones_follow(unchained, actor):
    chain_rows.chained(apps, None)
    triggers.created(connection)
    assert verified().wrong == ""
    with operation(actor, "clone", target="clone:after"):
        pass
    verdict = verified()
    assert (verdict.wrong, verdict.entry, verdict.records) == ("", 13, 26)
    assert AuditEntry.objects.latest("pk").pk == 13
    assert AuditOutcome.objects.order_by("seq").first().seq == 2
    assert Name.objects.filter(kind="target").count() == 13
