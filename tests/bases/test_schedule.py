"""Digests are read again by a schedule; what no longer matches starts nothing, and the record says so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from bases.models import BaseRevision
from bases.schedule import revision_due_verified
from bases.services import base_ready
from cowweb.errors import ConflictError


def verified_days_ago(days):
    BaseRevision.objects.update(verified_at=timezone.now() - timedelta(days=days))


def altered(path):
    """The same size and times, other bytes: only reading tells."""
    facts = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    return facts


def test_a_revision_is_read_again_when_it_is_due_and_not_before(demo_2):
    verified_days_ago(6)
    assert revision_due_verified() is None
    verified_days_ago(8)
    assert revision_due_verified().number == 1
    assert revision_due_verified().number == 2
    assert revision_due_verified() is None
    entries = AuditEntry.objects.filter(action="verify_base").values_list("target", "outcome__result")
    assert sorted(entries) == [("base:demo@1", "done"), ("base:demo@2", "done")]


def test_a_mismatch_is_found_recorded_and_refuses_starts(demo):
    altered(demo.current.disk)
    verified_days_ago(8)
    assert revision_due_verified().intact is False
    entry = AuditEntry.objects.get(action="verify_base")
    assert (entry.actor_name, entry.outcome.result) == ("cowweb", "failed")
    assert entry.outcome.reason == "demo@1 no longer matches its digest"
    with pytest.raises(ConflictError, match="no longer matches"):
        base_ready("demo")
    assert revision_due_verified() is None


@pytest.mark.parametrize("setting", [{"COWWEB_VERIFY_DAYS": 0}, {"gone": True}])
def test_no_schedule_and_no_file_means_no_look(demo, settings, setting):
    verified_days_ago(1000)
    if "gone" in setting:
        BaseRevision.objects.update(file_removed_at=timezone.now())
    else:
        settings.COWWEB_VERIFY_DAYS = 0
    assert revision_due_verified() is None
