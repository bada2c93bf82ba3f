"""A clone's disk is brought back to a snapshot or to its base, and a snapshot is given up."""

import re

import pytest

from audit.models import AuditEntry
from clones.chains import clone_flatten
from clones.models import Clone, Layer, Snapshot
from clones.services import clone_remove
from clones.snapshots import clone_reset, snapshot_create, snapshot_delete, snapshot_restore
from cowweb.errors import ConflictError, ForbiddenError, NotFoundError
from hosts.drivers.qemu_img import image_inspect
from hosts.jobs import work
from hosts.services import local_driver
from tests.clones.conftest import fresh, shows, write

pytestmark = pytest.mark.slow


def test_a_name_that_is_refused_stays_in_its_field_with_the_reason(made, client, admin):
    made("web")
    client.force_login(admin)
    refused = client.post("/clones/web/snapshots/", {"name": "Not Good"})
    page = refused.content.decode()
    assert refused.status_code == 422
    assert re.search(r'name="name"[^>]* value="Not Good" aria-invalid="true"', page)
    assert (
        "is not a name: use 1 to 63 of" in page.partition('id="clone-snapshots"')[0]
    )  # what is pushed has none
    taken = client.post("/clones/web/snapshots/", {"name": "good"})
    assert taken.status_code == 302 and Snapshot.objects.get().name == "good"


def inside(clone: Clone) -> tuple[str, ...]:
    return image_inspect(clone.disk).snapshots


def test_a_reset_clone_shows_its_base_and_keeps_who_it_is(made, demo, actor):
    web = made("web")
    before = {path.name: path.read_bytes() for path in web.folder.iterdir() if path != web.disk}
    write(web.disk, "0", "2M", "0x21")
    clone_reset(clone=web, actor=actor)
    web = fresh(web)
    assert shows(web.disk, "0", "4M", "0x11")
    assert local_driver().disk_chain(web.disk) == (web.disk, demo.current.disk)
    assert {path.name: path.read_bytes() for path in web.folder.iterdir() if path != web.disk} == before
    assert AuditEntry.objects.get(action="reset").outcome.result == "done"


def test_a_clone_of_a_clone_is_reset_to_its_base_and_the_other_stays(made, demo, actor):
    web = made("web")
    write(web.disk, "0", "2M", "0x21")
    child = made("child", web)
    clone_reset(clone=child, actor=actor)
    assert (fresh(child).depth, fresh(child).layer) == (1, None)
    assert shows(child.disk, "0", "4M", "0x11")
    assert shows(fresh(web).disk, "0", "2M", "0x21")


def test_the_snapshots_of_a_reset_clone_stay_within_reach(made, actor):
    web = made("web")
    write(web.disk, "0", "2M", "0x21")
    snapshot_create(clone=web, name="before", actor=actor)
    clone_reset(clone=web, actor=actor)
    assert shows(fresh(web).disk, "0", "4M", "0x11")
    snapshot_restore(clone=fresh(web), name="before", actor=actor)
    assert shows(fresh(web).disk, "0", "2M", "0x21")


def test_only_a_stopped_clone_without_saved_memory_is_reset(made, running, actor, member_actor):
    web = made("web")
    write(web.disk, "0", "2M", "0x21")
    with pytest.raises((ForbiddenError, NotFoundError)):
        clone_reset(clone=web, actor=member_actor)
    live = running(web)
    with pytest.raises(ConflictError, match="only a stopped clone can be reset: stop it first"):
        clone_reset(clone=live, actor=actor)
    other = made("other")
    Clone.objects.filter(pk=other.pk).update(saved_at=other.created_at)
    with pytest.raises(ConflictError, match="has saved memory"):
        clone_reset(clone=fresh(other), actor=actor)
    assert shows(web.disk, "0", "2M", "0x21")


@pytest.mark.parametrize("runs", [False, True])
def test_a_deleted_snapshot_leaves_the_disk_as_it_is(made, running, actor, runs):
    web = made("web")
    write(web.disk, "0", "2M", "0x21")
    web = running(web) if runs else web
    for name in ("one", "two"):
        snapshot_create(clone=web, name=name, actor=actor)
    snapshot_delete(clone=web, name="one", actor=actor)
    assert [each.name for each in Snapshot.objects.all()] == ["two"]
    if runs:
        local_driver().kill(local_driver().running(web.folder.parent)[0])
    assert inside(web) == ("two",)
    assert shows(web.disk, "0", "2M", "0x21")
    with pytest.raises(NotFoundError, match="web has no snapshot one"):
        snapshot_delete(clone=fresh(web), name="one", actor=actor)


def test_a_snapshot_whose_file_part_is_gone_already_can_be_deleted(made, actor):
    web = made("web")
    snapshot_create(clone=web, name="one", actor=actor)
    local_driver().snapshot_delete(web.disk, "one", None)
    snapshot_delete(clone=web, name="one", actor=actor)
    assert not Snapshot.objects.exists()


def test_a_layer_that_only_a_snapshot_kept_goes_with_it(made, actor):
    web = made("web")
    snapshot_create(clone=web, name="before", actor=actor)
    child = made("child", web)
    work(clone_flatten(clone=fresh(web), actor=actor).job.pk)
    work(clone_remove(clone=child, actor=actor).job.pk)
    assert Layer.objects.count() == 1
    snapshot_delete(clone=fresh(web), name="before", actor=actor)
    assert Layer.objects.count() == 0
