"""A run whose server died goes on where it was: what was done is not done twice, what ran is told honestly."""

import subprocess

import pytest
from django.utils import timezone

from bases.services import Facts, Source, base_register
from clones.models import Clone
from cowweb.errors import DomainError
from hosts.jobs import work
from provisioning.engine import run_carried_out
from provisioning.models import Run, RunPhase
from provisioning.output import stream_text
from provisioning.services import Order, run_create

SCRIPT = b"# kvm-infra-use: demo\necho once\n"


@pytest.fixture
def run(site, actor) -> Run:
    """An ordered run whose clone's machine is off."""
    disk = site.COWWEB_IMPORT_FOLDERS[0] / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    base_register(name="demo", source=Source(disk), facts=Facts(memory_mb=64, cpus=1), actor=actor)
    run = run_create(Order(text=SCRIPT, script_name="x.sh"), actor=actor).run
    Clone.objects.filter(pk=run.clone_id).update(status="stopped", start_asked=False)
    Run.objects.filter(pk=run.pk).update(status="running", started_at=timezone.now())
    return run


def phase(run, name, state):
    RunPhase.objects.filter(run=run, name=name).update(state=state)


@pytest.mark.parametrize(("exit_code", "status"), [(0, "succeeded"), (3, "failed")])
def test_after_the_scripts_end_only_the_rest_is_done(run, exit_code, status):
    Run.objects.filter(pk=run.pk).update(exit_code=exit_code)
    phase(run, "script", "done" if exit_code == 0 else "failed")
    phase(run, "release", "running")
    try:
        run_carried_out(run.pk)
    except DomainError as error:
        assert error.code == "script_failed"
    run.refresh_from_db()
    assert (run.status, run.exit_code, run.ended_at is not None) == (status, exit_code, True)
    assert run.phases.get(name="release").state == "done"
    assert stream_text(run.pk, "stdout") == ""


def test_while_the_script_ran_it_is_interrupted_and_says_what_is_known(run):
    phase(run, "script", "running")
    with pytest.raises(DomainError, match="its machine is stopped"):
        run_carried_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failed_phase) == ("interrupted", "script")
    assert run.phases.get(name="script").state == "failed"
    assert stream_text(run.pk, "note") == f"{run.failure}\n"


def test_an_ended_run_stays_as_it_ended(run):
    Run.objects.filter(pk=run.pk).update(status="cancelled")
    run_carried_out(run.pk)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert not work(-1)
