"""The reconciler: every difference between rows and host is found, named and never made worse."""

import os
import shutil
import subprocess
from dataclasses import asdict
from uuid import uuid4

import pytest

from audit.models import AuditEntry
from clones.deciding import finding_decide
from clones.models import Clone
from clones.survey import site_surveyed
from clones.unknown import unknown_machines
from cowweb.errors import ConflictError, DomainError, ForbiddenError
from hosts.drivers.keys import make_identity
from hosts.drivers.processes import alive, identify
from hosts.drivers.records import Boot, BootKind, MachineRecord, MachineSpec
from hosts.findings import waiting_count
from hosts.models import Finding, Host
from hosts.services import local_driver
from tests.support.site import wait_until

pytestmark = pytest.mark.slow

FORGOTTEN = "forgotten"


def one(**wanted) -> Finding:
    return Finding.objects.get(**wanted)


def forget(clone: Clone) -> None:
    """As after a backup of the database was put back that is older than the clone."""
    Clone.objects.filter(pk=clone.pk).delete()


@pytest.fixture
def lost_folder(made):
    """A clone's folder whose row is gone."""
    clone = made(FORGOTTEN)
    forget(clone)
    return clone.folder


def test_where_all_agrees_nothing_is_found_and_the_look_is_on_record(made):
    made("web")
    assert site_surveyed() == 0
    host = Host.objects.get()
    assert host.reconciled_at and host.reconciled_ms > 0
    assert not Finding.objects.exists()


def test_a_disk_that_no_row_knows_is_reported_once_and_never_touched(lost_folder):
    disk = lost_folder / f"{FORGOTTEN}.qcow2"
    before = disk.read_bytes()
    for _ in range(3):
        assert site_surveyed() == 1
    finding = one()
    assert (finding.state, finding.count, finding.kind) == ("waiting", 3, "folder")
    assert FORGOTTEN in finding.found and disk.read_bytes() == before
    assert waiting_count() == 1
    assert AuditEntry.objects.filter(action="reconcile").count() == 1


def test_unknown_files_of_every_folder_are_reported_and_stay(site, demo):
    strange = {
        site.COWWEB_STORE / "notes.txt": "file",
        site.COWWEB_LAYERS / f"{uuid4().hex}.qcow2": "file",
        site.COWWEB_MEMORY / "0123456789ab.ram": "memory",
        site.COWWEB_TEMPLATES / "0123456789ab" / "disk.qcow2": "folder",
        site.COWWEB_CLONES / "backup of mine" / "old.qcow2": "folder",
    }
    for path in strange:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"somebody's")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clones.unknown.YOUNG_S", -1.0)
        assert site_surveyed() == len(strange)
    kinds = sorted(Finding.objects.values_list("kind", flat=True))
    assert kinds == sorted(strange.values())
    assert all(path.read_bytes() == b"somebody's" for path in strange)


def test_what_goes_away_by_itself_is_resolved(lost_folder):
    site_surveyed()
    shutil.rmtree(lost_folder)
    assert site_surveyed() == 0
    assert (one().state, waiting_count()) == ("resolved", 0)


def test_a_folder_is_adopted_as_the_clone_it_was(lost_folder, actor):
    site_surveyed()
    finding_decide(one(), decision="adopt", actor=actor)
    clone = Clone.objects.get(name=FORGOTTEN)
    assert (clone.folder, clone.status, clone.owner) == (lost_folder, "stopped", actor.user)
    assert clone.login_public.startswith("ssh-ed25519 ") and clone.disk.exists()
    assert site_surveyed() == 0
    assert (one().decision, one().decided_by) == ("adopt", actor.name)


def test_one_whose_name_is_taken_is_adopted_by_another(lost_folder, made, actor):
    made(FORGOTTEN)
    site_surveyed()
    with pytest.raises(DomainError, match="give another name"):
        finding_decide(one(), decision="adopt", actor=actor)
    finding_decide(one(), decision="adopt", name="found-again", actor=actor)
    assert Clone.objects.get(name="found-again").disk.name == "found-again.qcow2"
    assert site_surveyed() == 0


def test_a_disk_on_something_the_site_does_not_have_is_not_adopted(lost_folder, actor):
    disk = lost_folder / f"{FORGOTTEN}.qcow2"
    disk.unlink()
    subprocess.run(
        ["qemu-img", "create", "-qfqcow2", "-u", "-b/etc/shadow", "-Fraw", str(disk), "64M"], check=True
    )
    site_surveyed()
    with pytest.raises(ConflictError, match="shadow, which the site does not have"):
        finding_decide(one(), decision="adopt", actor=actor)
    assert one().state == "waiting" and not Clone.objects.exists()


def test_removing_deletes_what_was_found_and_nothing_that_came_in_its_place(lost_folder, actor):
    site_surveyed()
    shutil.move(lost_folder, lost_folder.with_name("aside"))
    lost_folder.mkdir()
    (lost_folder / "other").touch()
    with pytest.raises(ConflictError, match="has changed"):
        finding_decide(one(), decision="remove", actor=actor)
    assert (lost_folder / "other").exists()
    site_surveyed()
    finding_decide(one(subject__contains=lost_folder.name), decision="remove", actor=actor)
    assert not lost_folder.exists()


def test_what_is_left_is_not_reported_again_until_it_is_something_else(lost_folder, actor):
    site_surveyed()
    finding_decide(one(), decision="leave", actor=actor)
    site_surveyed()
    assert waiting_count() == 0 and Finding.objects.count() == 1
    lost_folder.rename(lost_folder.with_name("other"))  # it lives on, so the new one is surely another
    lost_folder.mkdir()
    site_surveyed()
    assert one(subject__contains=lost_folder.name, state="waiting")


def test_only_an_administrator_decides_and_once(lost_folder, member_actor, actor):
    site_surveyed()
    with pytest.raises(ForbiddenError):
        finding_decide(one(), decision="remove", actor=member_actor)
    assert lost_folder.exists()
    with pytest.raises(ConflictError, match="adopt or remove or leave"):
        finding_decide(one(), decision="burn", actor=actor)
    finding_decide(one(), decision="leave", actor=actor)
    with pytest.raises(ConflictError, match="nothing to decide"):
        finding_decide(one(), decision="remove", actor=actor)
    outcomes = [entry.outcome.result for entry in AuditEntry.objects.filter(action="decide_finding")]
    assert sorted(outcomes) == ["done", "refused", "refused", "refused"]


def test_a_machine_that_no_row_knows_runs_on_and_is_adopted_as_it_runs(made, running, actor):
    clone = running(made("lost-row"))
    record = clone.record
    forget(clone)
    site_surveyed()
    finding = one()
    assert (finding.kind, finding.evidence["pid"]) == ("process", record["pid"])
    finding_decide(finding, decision="adopt", actor=actor)
    back = Clone.objects.get(name="lost-row")
    assert (back.status, back.record, back.memory_mb, back.cpus) == ("running", record, 64, 1)
    assert back.ssh_port and back.uuid == clone.uuid
    assert site_surveyed() == 0


def test_a_machine_that_no_row_knows_is_ended_only_when_that_is_decided(made, running, actor):
    clone = running(made("stray"))
    process = identify(clone.record["pid"])
    forget(clone)
    site_surveyed()
    assert alive(process)
    finding_decide(one(), decision="remove", actor=actor)
    assert not alive(process) and clone.disk.exists()
    site_surveyed()
    assert one(state="waiting").kind == "folder"


def test_another_program_that_holds_a_clones_disk_is_named(made, actor, tmp_path):
    clone = made("web")
    argv = ["qemu-storage-daemon", "--blockdev", f"file,node-name=a,filename={clone.disk},read-only=on"]
    argv += ["--chardev", f"socket,id=m,path={tmp_path}/m.sock,server=on,wait=off", "--monitor", "m"]
    with subprocess.Popen(argv) as stranger:
        try:
            wait_until(lambda: site_surveyed() == 1, timeout_s=30)
            finding = one()
            assert str(stranger.pid) in finding.found and "qemu-storage-daemon" in finding.found
            assert not finding.can_adopt
            finding_decide(finding, decision="remove", actor=actor)
            assert stranger.wait(10) is not None
        finally:
            stranger.kill()
    assert clone.disk.exists() and site_surveyed() == 0


def test_a_strangers_pid_is_not_ended_for_the_one_that_was_found(made, running, actor):
    clone = running(made("web"))
    forget(clone)
    site_surveyed()
    finding = one()
    finding.evidence = {**finding.evidence, "pid": os.getpid()}
    with pytest.raises(ConflictError, match="has changed"):
        finding_decide(finding, decision="remove", actor=actor)


def test_a_machine_in_another_folder_than_its_own_is_nobodys(site, demo, made):
    """Its uuid is a clone's, its place is not."""
    web = made("web")
    folder = site.COWWEB_CLONES / "ffffffffffff"
    folder.mkdir()
    local_driver().disk_create(folder / "disk.qcow2", backing=demo.current.disk)
    spec = MachineSpec(
        web.uuid, "w", folder, folder / "disk.qcow2", 32, 1, Boot(BootKind.BIOS), make_identity("w", "root")
    )
    record = local_driver().start(spec).record
    try:
        site_surveyed()
        assert local_driver().alive(record)
        assert one(kind="process").evidence == asdict(record)
    finally:
        local_driver().kill(record)


def test_a_machine_of_ours_that_ends_while_it_is_looked_at_is_not_taken_for_a_strangers(made, monkeypatch):
    """As a template's does, once its memory is saved: it was seen running, and has ended."""
    web = made("web")
    ended = MachineRecord(2**22 - 1, 1, "boot", str(web.uuid), str(web.folder))
    seen = [[ended]]
    monkeypatch.setattr(type(local_driver()), "running", lambda driver, folder: seen.pop() if seen else [])
    assert list(unknown_machines()) == []
