"""A run that ended badly says where and why, and goes on from there; a server that dies anywhere is survived."""

from contextlib import suppress

import pytest

from audit.models import AuditEntry
from clones.models import Clone
from cowweb.errors import ConflictError, DomainError
from hosts.drivers.errors import DriverError
from provisioning import phases
from provisioning.engine import run_carried_out
from provisioning.going_on import run_cancel, run_keep, run_retry
from provisioning.models import Run
from provisioning.output import Recorder, stream_text, text_of
from provisioning.services import Order, run_create
from tests.support.copied_run import beside

pytestmark = pytest.mark.slow


def carried(run) -> Run:
    """What the runner does; its failure is the run's."""
    with suppress(DomainError, DriverError):
        run_carried_out(run.pk)
    run.refresh_from_db()
    return run


def states(run) -> dict[str, str]:
    return dict(run.phases.values_list("name", "state"))


def test_a_failed_script_says_where_and_why_and_what_its_machine_said_last(on_shell):
    run, _ = on_shell("echo to stderr >&2; exit 3")
    (run.clone.folder / "serial.log").write_text("Booting\n\x1b[2J\x1b[31mred words\x1b[0m\n")
    carried(run)
    assert (run.status, run.exit_code, run.failed_phase) == ("failed", 3, "script")
    assert run.failure == "The script ended with exit status 3"
    assert run.failure_detail.endswith("red words") and "\x1b" not in run.failure_detail
    assert states(run)["release"] == "done"
    assert Clone.objects.get(pk=run.clone_id).status == "stopped"


def test_a_retry_runs_the_script_again_and_nothing_before_it(on_shell, tmp_path, actor):
    ready = tmp_path / "ready"
    run, _ = on_shell(f"echo tried; test -e {ready}", afterwards="keep")
    carried(run)
    before = dict(run.phases.values_list("name", "started_at"))
    ready.touch()
    assert run_retry(run=run, actor=actor).run.status == "queued"
    carried(run)
    assert (run.status, run.attempt, run.exit_code, run.failure) == ("succeeded", 2, 0, "")
    after = dict(run.phases.values_list("name", "started_at"))
    assert {name for name in before if before[name] != after[name]} == {"script", "release"}
    said = "Attempt 2: goes on from Script. Before: Failed: The script ended with exit status 1"
    assert text_of(run.pk) == ["tried", said, "tried"]
    assert AuditEntry.objects.get(action="retry").target == f"run:{run.pk}"


def test_a_retry_starts_a_machine_that_is_off(on_shell, actor):
    run, _ = on_shell("exit 1")
    carried(run)
    run_retry(run=run, actor=actor)
    clone = Clone.objects.get(pk=run.clone_id)
    assert (clone.status, clone.start_asked) == ("starting", True)


def test_a_clone_that_was_never_made_is_made_by_the_retry(ordered, actor):
    run = ordered("exit 0")
    run.clone.revision.disk.rename(run.clone.revision.disk.with_suffix(".away"))
    carried(run)
    assert (run.status, run.failed_phase) == ("failed", "allocate")
    assert Clone.objects.get(pk=run.clone_id).status == "failed"
    run_retry(run=run, actor=actor)
    assert Clone.objects.get(pk=run.clone_id).status == "creating"


def test_only_the_failed_phase_and_those_before_it_can_be_retried(on_shell, actor):
    run, _ = on_shell("exit 1", afterwards="keep")
    carried(run)
    with pytest.raises(DomainError, match=r"from 'release': choose parse, .*, script$"):
        run_retry(run=run, phase="release", actor=actor)
    run_retry(run=run, phase="runtime", actor=actor)
    assert {name for name, state in states(run).items() if state == "pending"} == {
        "runtime",
        "script",
        "release",
    }


def test_a_good_run_and_one_without_a_clone_are_not_retried(on_shell, actor):
    run, _ = on_shell("exit 0", afterwards="remove")
    carried(run)
    assert Clone.objects.get(pk=run.clone_id).status == "removed"
    with pytest.raises(ConflictError, match="succeeded; only a run that ended badly"):
        run_retry(run=run, actor=actor)
    Run.objects.filter(pk=run.pk).update(status="failed", failed_phase="script")
    run.refresh_from_db()
    with pytest.raises(ConflictError, match="is removed"):
        run_retry(run=run, actor=actor)
    run.refresh_from_db()
    assert (run.status, run.attempt, run.can_be_retried) == ("failed", 1, False)


def test_a_failed_run_keeps_the_clone_that_was_to_be_removed(on_shell, actor):
    run, _ = on_shell("exit 1", afterwards="remove")
    carried(run)
    clone = Clone.objects.get(pk=run.clone_id)
    assert clone.status == "stopped"
    run_keep(run=run, actor=actor)
    clone.refresh_from_db()
    run.refresh_from_db()
    assert (clone.status, run.afterwards) == ("starting", "keep")


def test_a_retry_of_what_ran_out_of_time_is_given_more(on_shell, actor, client, admin):
    run, _ = on_shell("# kvm-infra-timeout: 1", "sleep 1.5", afterwards="keep")
    carried(run)
    assert (run.status, run.timeout_s) == ("timed_out", 1)
    assert run.failure.startswith("The script was not done within 1 s")
    client.force_login(admin)
    assert 'name="timeout" inputmode="numeric" pattern="[0-9]{1,5}" value="2"' in page_of(run, client)
    for wrong in ("0", "86401", "soon"):
        client.post(f"/runs/{run.pk}/retry/", {"timeout": wrong})
        assert "timeout: write seconds, 1 to 86400" in page_of(run, client)
    client.post(f"/runs/{run.pk}/retry/", {"timeout": "60"})
    carried(run)
    assert (run.status, run.timeout_s, run.overrides) == ("succeeded", 60, {"timeout": [1, 60]})


def page_of(run, client) -> str:
    return client.get(f"/runs/{run.pk}/").content.decode()


@pytest.mark.parametrize("end", ["timed_out", "interrupted"])
def test_a_run_out_of_time_or_interrupted_keeps_it_too(on_shell, end):
    run, _ = on_shell("exit 0", afterwards="remove")
    Run.objects.filter(pk=run.pk).update(status="running", ending=end, failure="It ended")
    carried(run)
    assert (run.status, run.can_be_retried) == (end, True)
    assert Clone.objects.get(pk=run.clone_id).status == "stopped"


@pytest.mark.parametrize(
    ("answers", "within_s", "note"),
    [(None, 6, "the clone did not answer and was switched off"), (0, 99, "the clone was shut down")],
)
def test_a_guest_that_answers_nobody_is_not_waited_for(on_shell, site, monkeypatch, answers, within_s, note):
    """Its machine, as every empty one, hears no power button either."""
    site.COWWEB_STOP_GRACE_S = 7
    run, _ = on_shell("# kvm-infra-timeout: 1", "sleep 3")
    monkeypatch.setattr("hosts.drivers.ssh_link.SshLink.end_run", lambda self, token: answers)
    carried(run)
    released = run.phases.get(name="release")
    assert (run.status, released.note) == ("timed_out", note)
    assert 1000 < released.ms < within_s * 1000
    assert (released.ms > 6500) is (answers is not None)


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("reboot: Restarting system", "The guest restarted itself while the script ran"),
        ("all is well", "the SSH connection to the guest broke"),
    ],
)
def test_a_guest_that_boots_again_in_place_is_named(on_shell, said, failure):
    """Its machine goes on, as one that was booted does: only its console tells."""
    run, guest = on_shell("echo begun; sleep 60")
    console = run.clone.folder / "serial.log"
    console.write_text("[1.0] reboot: Restarting system\n")  # an earlier one is not meant
    taken = Recorder.take

    def restarts(self, stream, data):
        taken(self, stream, data)
        with console.open("a") as file:
            file.write(f"[9.0] {said}\n")
        for transport in guest.server.transports:
            transport.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "take", restarts)
        carried(run)
    assert (run.status, run.failed_phase, run.failure) == ("failed", "script", failure)


@pytest.mark.parametrize(
    ("error", "words"),
    [(DriverError("QEMU went away"), "QEMU went away"), (AssertionError("no"), "AssertionError: no")],
)
def test_a_clone_that_cannot_be_let_go_of_does_not_hold_its_run(on_shell, monkeypatch, error, words):
    run, _ = on_shell("exit 0")

    def fails(*_, **__):
        raise error

    monkeypatch.setattr("provisioning.endings.clone_stopped", fails)
    carried(run)
    assert (run.status, run.failed_phase) == ("failed", "release")
    assert run.failure == f"{run.clone_name} could not be let go of: {words}"
    assert states(run)["script"] == "done"


def test_a_cancelled_run_does_with_its_clone_what_is_chosen_then(on_shell, actor):
    run, _ = on_shell("exit 0")
    run_cancel(run=run, actor=actor, afterwards="remove")
    with pytest.raises(Exception, match="Cancelled"):
        run_carried_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failed_phase, run.exit_code) == ("cancelled", "parse", None)
    assert Clone.objects.get(pk=run.clone_id).status == "removed"


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"keep_running": True, "afterwards": "stop"}, "contradicts keep_running"),
        ({"snapshot": True, "afterwards": "remove"}, "would remove the snapshot"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(empty_base, actor, wishes, why):
    with pytest.raises(DomainError, match=why):
        run_create(Order(b"# kvm-infra-use: demo\n", "x.sh", **wishes), actor=actor)
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("channel", "status", "phase", "why"),
    [
        ("ssh", "succeeded", "", ""),
        ("agent", "failed", "runtime", "our agent is not in this machine's disk"),
    ],
)
def test_the_way_into_the_guest_can_be_forced(on_shell, channel, status, phase, why):
    run, _ = on_shell("echo said", channel=channel)
    carried(run)
    assert (run.status, run.failed_phase, run.failure) == (status, phase, why)
    assert run.channel == ("ssh" if status == "succeeded" else "")


class Died(BaseException):
    """The server's end: nothing in it can say or mend anything any more."""


@pytest.fixture
def dies(monkeypatch):
    """Lets the server die as soon as this phase has begun, or just before it is written down as done."""

    def at(name, state):
        write = phases.Steps.write

        def dying(self, phase, **fields):
            hit = (phase, fields.get("state")) == (name, state)
            if not hit or state == "running":
                write(self, phase, **fields)
            if hit:
                raise Died

        monkeypatch.setattr(phases.Steps, "write", dying)

    yield at


@pytest.mark.parametrize("state", ["running", "done"])
@pytest.mark.parametrize("name", ["allocate", "runtime", "script", "snapshot", "release"])
def test_a_server_that_dies_at_a_boundary_leaves_a_run_that_goes_on(
    on_shell, tmp_path, dies, monkeypatch, name, state
):
    """The script runs at most once, no line is lost, and what the run says of itself is so."""
    count = tmp_path / "count"
    run, _ = on_shell(f"echo x >> {count}; echo said", snapshot=True)
    dies(name, "skipped" if (name, state) == ("runtime", "done") else state)
    with pytest.raises(Died):
        run_carried_out(run.pk)
    monkeypatch.undo()
    carried(run)
    assert run.status == ("interrupted" if name == "script" else "succeeded")
    ran = count.read_text().count("x") if count.exists() else 0
    assert ran == (0 if (name, state) == ("script", "running") else 1)
    assert stream_text(run.pk, "stdout").count("said") == ran
    if run.status == "succeeded":
        assert set(states(run).values()) <= {"done", "skipped"}
        assert list(run.clone.snapshots.values_list("name", flat=True)) == [f"run-{run.pk}"]
    assert Clone.objects.get(pk=run.clone_id).status == "stopped"


def test_a_run_names_the_revision_that_it_was_ordered_on(ordered, client, admin):
    """The base may have moved on since, and its clone with it."""
    run = ordered("true")
    assert (run.base_reference, run.revision_name) == ("demo", "demo@1")
    client.force_login(admin)
    assert "of demo@1" in page_of(run, client)
    assert "demo@1</td>" in client.get(f"/runs/compare/?a={beside(run).pk}&b={run.pk}").content.decode()
