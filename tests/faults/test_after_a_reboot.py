"""A host that rebooted: pids are gone, or are a stranger's by now. Rows say so, and no stranger is touched."""

import json
import os
import subprocess
from dataclasses import asdict

import pytest

from clones.models import Clone
from clones.reconcile import clones_reconciled
from clones.services import clone_remove, clone_stop
from clones.survey import site_surveyed
from hosts.drivers.processes import alive, identify
from hosts.jobs import requeue_orphans, work
from hosts.models import Finding, Job
from hosts.services import local_driver
from pools.models import Spare, Template
from pools.spares import spares_reconciled
from tests.clones.conftest import fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger():
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process
        process.kill()


def stale(clone, pid, **changes):
    """As a row says it that was true before the reboot."""
    process = identify(os.getpid())
    facts = {"pid": pid, "started_ticks": 12, "boot_id": process.boot_id, "uuid": str(clone.uuid)}
    record = {**facts, "folder": str(clone.folder), **changes}
    Clone.objects.filter(pk=clone.pk).update(status="running", record=record, forwards=[[22, 4711]])
    (clone.folder / "machine.json").write_text(json.dumps(record))
    return record


@pytest.mark.parametrize("how", ["of another boot", "of another start", "gone"])
def test_what_ran_before_is_not_called_running_and_a_stranger_lives(made, actor, stranger, how):
    web = made("web")
    known = identify(stranger.pid)
    if how == "of another boot":
        stale(web, stranger.pid, started_ticks=known.started_ticks, boot_id="0" * 36)
    elif how == "of another start":
        stale(web, stranger.pid)
    else:
        stale(web, 2**22 + 1)
    assert clones_reconciled() == 1
    web = fresh(web)
    assert (web.status, web.record, web.forwards) == ("failed", None, [])
    words = "The host was started anew" if how == "of another boot" else "process ended without being asked"
    assert words in web.failure
    assert Finding.objects.get().kind == "clone"
    assert alive(known)


def test_a_process_of_the_same_pid_and_start_that_is_no_machine_is_never_signalled(made, actor, stranger):
    """Everything matches but what the process is."""
    web = made("web")
    known = identify(stranger.pid)
    stale(web, stranger.pid, started_ticks=known.started_ticks)
    for verb in (clone_stop, clone_remove):
        asked = verb(clone=fresh(web), actor=actor)
        work(asked.job.pk)
    assert fresh(web).status == "removed" and not web.folder.exists()
    assert alive(known)


def test_work_and_spares_of_before_go_back_and_go(made, demo):
    job = Job.objects.create(task="x.y", subject_id=1, state="running", worker="another-boot 1 1")
    assert requeue_orphans() == 1
    assert Finding.objects.get(kind="job").subject == f"job:{job.pk}"
    template = Template.objects.create(revision=demo.current, memory_mb=64, cpus=1, fingerprint="x")
    spare = Spare.objects.create(template=template, status="ready")
    record = {"pid": os.getpid(), "started_ticks": 1, "boot_id": "other", "uuid": str(spare.uuid)}
    Spare.objects.update(record={**record, "folder": str(spare.folder)})
    assert spares_reconciled() == 1
    assert Spare.objects.get().status == "discarded"


def test_a_server_that_died_between_start_and_row_adopts_or_ends_nothing_wrongly(made, running):
    """Its record is in the folder and not in the row: the row is made true, the machine is not doubled."""
    web = running(made("web"))
    record = local_driver().running(web.folder.parent)[0]
    assert asdict(record) == web.record
    assert web.forwards == []
    assert clones_reconciled() == 0 and site_surveyed() == 0
    assert fresh(web).ssh_port and Finding.objects.get().kind == "ports"
    assert local_driver().alive(record)
