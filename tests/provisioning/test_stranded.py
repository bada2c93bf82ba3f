"""A run whose job ended without it goes on once, and then ends: none says for ever that it runs."""

import pytest

from audit.models import AuditEntry
from hosts.jobs import enqueue
from hosts.models import Job
from provisioning.models import Run
from provisioning.services import RUN
from provisioning.stranded import runs_looked_after
from tests.provisioning.test_going_on import states
from tests.support.jobs import worked

pytestmark = pytest.mark.slow


def breaks(monkeypatch) -> None:
    def broken(*_, **__):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("provisioning.engine.run_moved", broken)


def test_it_goes_on_where_it_was(on_shell, monkeypatch, tmp_path):
    run, _ = on_shell("echo said")
    breaks(monkeypatch)
    worked()
    monkeypatch.undo()
    run.refresh_from_db()
    assert (run.status, Job.objects.unfinished().count()) == ("queued", 0)
    assert runs_looked_after() == 1
    assert "RuntimeError: a fault of ours" in AuditEntry.objects.get(action="reconcile").params["found"]
    assert runs_looked_after() == 0  # somebody has it
    worked()
    run.refresh_from_db()
    assert (run.status, run.exit_code) == ("succeeded", 0)
    assert runs_looked_after() == 0


def test_one_that_is_stranded_again_ends_and_says_why(on_shell, monkeypatch):
    run, _ = on_shell("echo said")
    run.phases.filter(name="parse").update(state="running")
    breaks(monkeypatch)
    for _ in range(2):
        worked()
        assert runs_looked_after() == 1
    run.refresh_from_db()
    assert (run.status, run.failed_phase) == ("failed", "parse")
    assert run.failure == "The site could not carry it out: RuntimeError: a fault of ours"
    assert states(run)["parse"] == "failed" and run.ended_at
    assert runs_looked_after() == 0


def test_one_that_somebody_carries_out_is_left_alone(ordered):
    run = ordered("true")
    assert runs_looked_after() == 0
    Job.objects.all().delete()
    assert runs_looked_after() == 1
    assert Job.objects.get().subject_id == run.pk
    assert Run.objects.get(pk=run.pk).status == "queued"
    assert enqueue(RUN, run.pk) and runs_looked_after() == 0
