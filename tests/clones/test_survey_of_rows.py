"""The reconciler: what rows say and the host does not is found, told and righted where that is safe."""

import os

import pytest
from django.conf import settings

from bases.models import BaseRevision
from clones.deciding import finding_decide
from clones.models import Clone
from clones.survey import site_surveyed
from hosts.services import local_driver
from tests.clones.conftest import fresh
from tests.clones.test_survey import one

pytestmark = pytest.mark.slow


def test_a_clone_without_its_disk_is_not_called_stopped_and_is_well_again_with_it(made):
    web = made("web")
    aside = web.disk.rename(web.disk.with_name("aside"))
    for _ in range(2):
        assert site_surveyed() == 1
    assert fresh(web).status == "failed" and "disk cannot be used" in fresh(web).failure
    assert one().count == 2
    aside.rename(web.disk)
    assert site_surveyed() == 0 and one().state == "resolved"


def test_giving_up_a_clone_without_its_disk_removes_it(made, actor):
    web = made("web")
    web.disk.unlink()
    site_surveyed()
    finding_decide(one(), decision="remove", actor=actor)
    assert fresh(web).status == "removing"


def test_a_damaged_disk_is_found(made):
    web = made("web")
    web.disk.write_bytes(b"\0" * 4096)
    site_surveyed()
    assert "not a qcow2 image" in one().found


def test_forwards_are_what_the_machine_says_and_lost_ones_come_back(made, running):
    web = running(made("web"))
    Clone.objects.filter(pk=web.pk).update(forwards=[[22, 1], [9999, 2]], ports=[8080])
    site_surveyed()
    web = fresh(web)
    assert [guest for guest, _ in web.forwards] == [22, 8080]
    said = local_driver().forwards(local_driver().running(settings.COWWEB_CLONES)[0])
    assert [[each.guest_port, each.host_port] for each in said] == web.forwards
    assert one().state == "repaired" and "8080" in one().done
    site_surveyed()
    assert one().count == 1


def test_a_machine_that_does_not_answer_is_named_until_it_does(made, running, monkeypatch, admin, client):
    monkeypatch.setattr("hosts.drivers.qmp.ANSWER_S", 1.0, raising=False)
    web = running(made("web"))
    site_surveyed()
    socket = web.folder / "qmp.sock"
    aside = socket.rename(socket.with_name("aside.sock"))
    site_surveyed()
    finding = one(kind="socket")
    assert (finding.state, finding.choices) == ("waiting", ["leave"])
    client.force_login(admin)
    words = "Its machine runs and does not answer"
    assert words in client.get("/clones/web/").content.decode()
    aside.rename(socket)
    site_surveyed()
    assert one(kind="socket").state == "resolved"
    assert words not in client.get("/clones/web/").content.decode()


def test_a_clone_of_a_base_that_is_not_what_it_was_is_not_told_to_start_again(made, demo, admin, client):
    web = made("web")
    Clone.objects.filter(pk=web.pk).update(status="failed", failure="Its base is in quarantine")
    client.force_login(admin)
    advice = "Start it again"
    assert advice in client.get("/clones/web/").content.decode()
    BaseRevision.objects.filter(pk=demo.current.pk).update(intact=False)
    page = client.get("/clones/web/").content.decode()
    assert advice not in page and "It can start again once the file of" in page


@pytest.mark.parametrize("harm", ["modified", "replaced", "moved", "deleted"])
def test_a_base_that_is_not_what_it_was_is_quarantined_until_it_is(made, demo, harm, monkeypatch):
    made("web")
    disk = demo.current.disk
    kept = disk.read_bytes()
    disk.chmod(0o644)
    if harm == "modified":
        with disk.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
    elif harm == "replaced":
        disk.unlink()
        disk.write_bytes(b"another")
    elif harm == "moved":
        disk.rename(disk.with_name("elsewhere"))
    else:
        disk.unlink()
    site_surveyed()
    finding = one(kind="base")
    assert finding.state == "quarantined" and "1 clone stands on it" in finding.done
    assert not BaseRevision.objects.get().intact
    reads = []
    real = BaseRevision.save
    monkeypatch.setattr(BaseRevision, "save", lambda self, **how: (reads.append(self), real(self, **how)))
    site_surveyed()
    if harm in ("modified", "replaced"):
        assert reads == []  # the same wrong file is not read again
    disk.unlink(missing_ok=True)
    disk.write_bytes(kept)
    site_surveyed()
    assert one(kind="base").state == "resolved" and BaseRevision.objects.get().intact
