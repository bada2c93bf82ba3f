"""A clone whose job ended without it does not stay on its way for ever."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from audit.models import AuditEntry
from clones.models import Clone
from clones.services import clone_remove, clone_start, clone_stop
from clones.stranded import clones_looked_after
from hosts.models import Job
from tests.clones.conftest import fresh
from tests.support.jobs import worked

pytestmark = pytest.mark.slow


def a_while_ago(clone: Clone) -> None:
    Clone.objects.filter(pk=clone.pk).update(changed_at=timezone.now() - timedelta(minutes=2))


def nobody() -> set[int]:
    return set()


@pytest.mark.parametrize("wish", [clone_stop, clone_remove])
def test_it_has_failed_and_says_why_and_goes_on_from_there(made, running, actor, site, monkeypatch, wish):
    site.COWWEB_STOP_GRACE_S = 0.2  # nothing in an empty machine hears the power button
    web = running(made("web"))

    def broken(*_, **__):
        raise OperationalError("the disk went away")

    monkeypatch.setattr("clones.machines.clone_moved", broken)
    wish(clone=web, actor=actor)
    worked()
    monkeypatch.undo()
    assert fresh(web).status in ("stopping", "removing") and not Job.objects.unfinished().exists()
    assert clones_looked_after(nobody) == 0  # it may be just about to
    a_while_ago(web)
    assert clones_looked_after(lambda: {web.pk}) == 0  # a run brings it on
    assert clones_looked_after(nobody) == 1
    web = fresh(web)
    why = "Nobody works on it any more: OperationalError: the disk went away"
    assert (web.status, web.failure) == ("failed", why)
    assert AuditEntry.objects.get(action="reconcile").target == "clone:web"
    clone_remove(clone=web, actor=actor)
    worked()
    assert fresh(web).status == "removed"


def test_one_that_somebody_works_on_is_left_alone(made, actor):
    web = made("web")
    clone_start(clone=web, actor=actor)
    a_while_ago(web)
    assert clones_looked_after(nobody) == 0
    Job.objects.all().delete()
    assert clones_looked_after(nobody) == 1
    assert fresh(web).failure == "Nobody works on it any more: its work is gone"
