"""A clone of a clone stands on what its parent's disk was, and the parent goes on without touching that."""

import hashlib

import pytest
from django.db.models import ProtectedError

from audit.models import AuditEntry
from clones import branching
from clones.models import Clone, Layer
from clones.services import clone_create, clone_remove, clone_start
from clones.wanted import Wanted
from cowweb.errors import ConflictError, NotFoundError
from hosts.jobs import queued_ids, work
from hosts.services import local_driver
from tests.clones.conftest import fresh, shows, write

pytestmark = pytest.mark.slow


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def removed(clone, actor):
    work(clone_remove(clone=clone, actor=actor).job.pk)


def test_parent_and_child_share_a_layer_and_write_apart(made, demo):
    web = made("web")
    write(web.disk, "1M", "1M", "0x21")
    child = made("child", web)
    web = fresh(web)
    layer = Layer.objects.get()
    assert (web.layer, child.layer, child.parent) == (layer, layer, web)
    assert (layer.kept, layer.disk.stat().st_mode & 0o777) == ("stopped", 0o444)
    assert local_driver().disk_chain(child.disk) == (child.disk, layer.disk, demo.current.disk)
    before = digest(layer.disk)
    write(web.disk, "1M", "1M", "0x22")
    write(child.disk, "2M", "1M", "0x23")
    assert shows(web.disk, "1M", "1M", "0x22") and shows(child.disk, "1M", "1M", "0x21")
    assert shows(web.disk, "2M", "1M", "0x11") and shows(child.disk, "2M", "1M", "0x23")
    assert digest(layer.disk) == before
    assert (web.depth, child.depth, web.disk.name) == (2, 2, "web.qcow2")


def test_a_parent_that_wrote_nothing_since_is_not_set_aside_again(made):
    web = made("web")
    one, two = made("one", web), made("two", fresh(web))
    assert one.layer == two.layer and Layer.objects.count() == 1
    write(fresh(web).disk, "1M", "64k", "0x31")
    assert made("three", fresh(web)).depth == 3


def test_one_command_is_one_entry_and_names_the_parent(made):
    made("child", made("web"))
    entries = AuditEntry.objects.filter(action="clone").order_by("pk")
    assert [entry.target for entry in entries] == ["base:demo", "clone:web"]
    assert {entry.outcome.result for entry in entries} == {"done"}


def test_only_what_one_may_see_can_be_cloned(made, member_actor):
    made("web")
    with pytest.raises(NotFoundError):
        clone_create(Wanted(parent="web"), actor=member_actor)


def test_a_clone_of_a_clone_does_not_come_from_memory(made, actor):
    made("web")
    with pytest.raises(ConflictError, match="boots from its disk"):
        clone_create(Wanted(parent="web", way="memory"), actor=actor)


def test_the_parent_may_go_and_its_layer_goes_with_the_last_on_it(made, actor):
    web = made("web")
    write(web.disk, "1M", "64k", "0x41")
    child = made("child", web)
    write(child.disk, "2M", "64k", "0x42")
    grandchild = made("grandchild", child)
    removed(fresh(web), actor)
    assert shows(grandchild.disk, "1M", "64k", "0x41")
    with pytest.raises(ProtectedError):
        Layer.objects.get(pk=grandchild.layers[-1].pk).delete()
    assert branching.layers_collected() == 0
    removed(fresh(child), actor)
    files = [layer.disk for layer in Layer.objects.all()]
    assert len(files) == 2 and all(file.exists() for file in files)
    removed(fresh(grandchild), actor)
    assert not Layer.objects.exists() and not any(file.exists() for file in files)


def test_a_running_clone_goes_on_above_what_its_child_stands_on(made, running):
    web = made("web")
    write(web.disk, "1M", "64k", "0x51")
    web = running(web)
    child = made("child", web)
    again = made("again", fresh(web))
    web = fresh(web)
    assert (child.depth, again.depth, web.depth) == (2, 3, 3)
    assert {layer.kept for layer in Layer.objects.all()} == {"crash"}
    assert local_driver().writes_to(branching.record_of(web), web.layer.mark)
    assert shows(again.disk, "1M", "64k", "0x51")
    assert web.busy == ""


@pytest.mark.parametrize("step", ["linked", "put_above", "completed", "written_down"])
@pytest.mark.parametrize("is_running", [False, True])
def test_killed_at_any_step_the_job_goes_on_and_loses_nothing(
    made, running, actor, monkeypatch, step, is_running
):
    web = made("web")
    write(web.disk, "1M", "64k", "0x61")
    web = running(web) if is_running else web
    asked = clone_create(Wanted(parent="web", name="child", start=False), actor=actor)
    real = getattr(branching, step)

    def dies(*args, **how):
        if step in ("put_above", "linked"):
            real(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(branching, step, dies)
        patch.setattr(branching, "busy_left", lambda *args: None)
        patch.setattr("clones.busy.busy_left", lambda *args: None)
        with pytest.raises(KeyboardInterrupt):
            branching.ground_laid(Clone.objects.get(name="child"))
    assert branching.disks_reconciled() == 0  # its job is to be done yet
    with pytest.raises(ConflictError):
        clone_start(clone=fresh(web), actor=actor)
    work(asked.job.pk)
    child, web = Clone.objects.get(name="child"), fresh(web)
    assert (child.status, web.busy) == ("stopped", "")
    assert shows(child.disk, "1M", "64k", "0x61") and shows(web.disk, "1M", "64k", "0x61")
    assert not Layer.objects.filter(sealed_at=None).exists()
    assert not list(web.folder.glob(".next-*"))
    assert len(list(web.layer.disk.parent.iterdir())) == Layer.objects.count()


def test_a_holder_that_died_for_good_frees_the_clone(made):
    web = made("web")
    Clone.objects.filter(pk=web.pk).update(busy="now:other-boot 1 1")
    layer = branching.layer_begun(web)
    branching.linked(web, layer)
    assert branching.disks_reconciled() == 1
    assert (fresh(web).busy, Layer.objects.count(), layer.disk.exists()) == ("", 0, False)
    assert queued_ids() == []
