"""Flatten, rebase, promote: tasks that leave the clone as it was until the new file takes its place."""

import hashlib
import random

import pytest

from audit.models import AuditEntry
from bases.models import BaseImage, BaseRevision
from bases.services import Source, base_revise
from clones import reshaping
from clones.chains import (
    base_rebase,
    clone_flatten,
    clone_promote,
    clone_rebase,
    rebase_rehearsed,
    task_cancel,
)
from clones.models import Clone, DiskTask, Layer
from clones.services import clone_remove, clone_start
from clones.snapshots import snapshot_create, snapshot_restore
from cowweb.errors import ConflictError, ForbiddenError, NameTakenError
from hosts.drivers.errors import Cancelled
from hosts.jobs import work
from hosts.services import local_driver
from tests.clones.conftest import fresh, image, shows, write

pytestmark = pytest.mark.slow


def chain(clone):
    return local_driver().disk_chain(clone.disk)


@pytest.fixture
def deep(made):
    """Three clones, each of the one before; the last one's chain has two layers."""
    web = made("web")
    write(web.disk, "1M", "64k", "0x21")
    child = made("child", web)
    write(child.disk, "2M", "64k", "0x22")
    return made("grandchild", child)


@pytest.fixture
def newer(site, demo, actor):
    disk = image(site.COWWEB_IMPORT_FOLDERS[0] / "next.qcow2", "80M")
    write(disk, "0", "2M", "0x77")
    return base_revise(name="demo", source=Source(disk), actor=actor).current


def same_content(clone):
    return (
        shows(clone.disk, "0", "1M", "0x11")
        and shows(clone.disk, "1M", "64k", "0x21")
        and shows(clone.disk, "2M", "64k", "0x22")
    )


def test_a_flattened_clone_stands_on_its_base_alone(deep, actor, demo):
    before = {layer.pk: hashlib.sha256(layer.disk.read_bytes()).digest() for layer in Layer.objects.all()}
    asked = clone_flatten(clone=deep, actor=actor)
    with pytest.raises(ConflictError, match="being worked on"):
        clone_start(clone=deep, actor=actor)
    work(asked.job.pk)
    flat = fresh(deep)
    assert chain(flat) == (flat.disk, demo.current.disk)
    assert (flat.depth, flat.layer, flat.busy) == (1, None, "")
    assert same_content(flat)
    for layer in Layer.objects.all():
        assert hashlib.sha256(layer.disk.read_bytes()).digest() == before[layer.pk]
    task = DiskTask.objects.get()
    assert (task.state, task.percent) == ("done", 100)
    entry = AuditEntry.objects.get(action="flatten")
    assert (entry.target, entry.outcome.result) == ("clone:grandchild", "done")
    with pytest.raises(ConflictError, match="nothing to flatten"):
        clone_flatten(clone=flat, actor=actor)


def test_a_running_clone_is_flattened_while_it_runs(deep, running, actor, demo):
    live = running(deep)
    work(clone_flatten(clone=live, actor=actor).job.pk)
    flat = fresh(live)
    assert (flat.depth, flat.status) == (1, "running")
    assert local_driver().alive(reshaping.machine_of(flat))
    local_driver().shutdown(reshaping.machine_of(flat), grace_s=0)
    assert chain(flat) == (flat.disk, demo.current.disk)
    assert same_content(flat)


def test_a_cancelled_task_changes_nothing(deep, actor):
    before = hashlib.sha256(deep.disk.read_bytes()).digest()
    asked = clone_flatten(clone=deep, actor=actor)
    task_cancel(clone=fresh(deep), actor=actor)
    work(asked.job.pk)
    after = fresh(deep)
    assert DiskTask.objects.get().state == "cancelled"
    assert hashlib.sha256(after.disk.read_bytes()).digest() == before
    assert (after.busy, after.depth) == ("", 3)
    with pytest.raises(ConflictError, match="Nothing is being done"):
        task_cancel(clone=after, actor=actor)


@pytest.mark.parametrize("kind", ["flatten", "rebase", "promote"])
def test_killed_at_a_random_point_the_clone_is_as_it_was_and_the_job_goes_on(
    deep, newer, actor, monkeypatch, kind
):
    if kind == "flatten":
        asked = clone_flatten(clone=deep, actor=actor)
    elif kind == "rebase":
        asked = clone_rebase(clone=deep, to=None, actor=actor)
    else:
        asked = clone_promote(clone=deep, name="other", actor=actor)
    looks = random.randrange(3)

    def dies(self):
        nonlocal looks
        looks -= 1
        if looks < 0:
            raise KeyboardInterrupt
        return False

    with monkeypatch.context() as patch:
        patch.setattr(reshaping.Progress, "is_set", dies)
        patch.setattr("clones.busy.busy_left", lambda *args: None)
        with pytest.raises(KeyboardInterrupt):
            reshaping.disk_task_done(DiskTask.objects.get().pk)
    assert same_content(fresh(deep)) and fresh(deep).depth == 3
    work(asked.job.pk)
    after = fresh(deep)
    assert DiskTask.objects.get().state == "done"
    assert same_content(after)
    assert after.busy == ""
    assert not list(after.folder.glob(".task-*"))


def test_snapshots_stay_within_reach_when_the_disk_below_them_is_replaced(made, actor):
    web = made("web")
    write(web.disk, "1M", "64k", "0x31")
    snapshot_create(clone=web, name="before", actor=actor)
    write(web.disk, "1M", "64k", "0x32")
    child = made("child", web)
    write(fresh(web).disk, "1M", "64k", "0x33")
    work(clone_flatten(clone=fresh(web), actor=actor).job.pk)
    work(clone_remove(clone=child, actor=actor).job.pk)
    assert Layer.objects.count() == 1  # the snapshot is in it
    web = snapshot_restore(clone=fresh(web), name="before", actor=actor)
    assert shows(fresh(web).disk, "1M", "64k", "0x31")
    work(clone_remove(clone=fresh(web), actor=actor).job.pk)
    assert Layer.objects.count() == 0


def test_promoted_under_its_bases_name_it_is_the_next_revision(deep, actor, demo):
    work(clone_promote(clone=deep, name="demo", actor=actor).job.pk)
    base = BaseImage.objects.get(name="demo")
    assert base.current.number == 2
    assert shows(base.current.disk, "2M", "64k", "0x22")
    assert local_driver().disk_chain(base.current.disk) == (base.current.disk,)
    assert base.revisions.get(number=1).digest == demo.current.digest


def test_promoted_under_another_name_it_is_a_base(deep, actor, made, member_actor):
    work(clone_promote(clone=deep, name="mine", actor=actor).job.pk)
    mine = BaseImage.objects.get(name="mine")
    assert (mine.status, mine.current.number, mine.memory_mb) == ("ready", 1, 64)
    with pytest.raises(NameTakenError):
        clone_promote(clone=deep, name="mine", actor=actor)
    own = made("own", who=member_actor)
    with pytest.raises(ForbiddenError):
        clone_promote(clone=own, name="theirs", actor=member_actor)


def test_the_rehearsal_says_who_can_move_and_why_others_cannot(deep, made, running, newer, actor, demo):
    busy = running(made("up", None))  # made of the newer revision
    assert busy.revision == newer
    found = {one.clone.name: one for one in rebase_rehearsed(demo, to=None, actor=actor)}
    assert set(found) == {"web", "child", "grandchild"}
    running(fresh(found["child"].clone))
    found = {one.clone.name: one for one in rebase_rehearsed(demo, to=None, actor=actor)}
    assert [found[name].refusal for name in ("web", "child", "grandchild")] == [
        "",
        "it is running; stop it first",
        "",
    ]
    assert found["web"].note == "clones made of it that stay on demo@1: 1"
    done = base_rebase(base=demo, to=None, actor=actor)
    for _, asked in done:
        if asked:
            work(asked.job.pk)
    moved = fresh(deep)
    assert (moved.revision, moved.depth) == (newer, 1)
    assert chain(moved) == (moved.disk, newer.disk)
    assert same_content(moved)
    assert AuditEntry.objects.filter(action="rebase").count() == 1
    with pytest.raises(ConflictError, match="no newer revision"):
        clone_rebase(clone=moved, to=None, actor=actor)


@pytest.mark.parametrize(
    ("stage", "words", "curator_may"),
    [
        ("draft", "demo@2 is a draft, not approved", False),
        ("inspected", "demo@2 is inspected, not approved", False),
        ("retired", "demo@2 is retired, not approved", False),
        ("deprecated", "demo@2 is deprecated: use demo@3; a curator may move there", True),
    ],
)
def test_a_clone_moves_only_where_it_could_have_been_made(
    made, newer, actor, member_actor, stage, words, curator_may
):
    BaseRevision.objects.filter(pk=newer.pk).update(stage="approved")
    clone = made("own", who=member_actor)
    Clone.objects.filter(pk=clone.pk).update(revision=newer.base.revisions.first())
    BaseRevision.objects.filter(pk=newer.pk).update(stage=stage, successor="demo@3")
    clone = fresh(clone)
    with pytest.raises(ConflictError, match=words):
        clone_rebase(clone=clone, to=2, actor=member_actor)
    rehearsed = rebase_rehearsed(newer.base, to=2, actor=actor)
    assert [bool(one.refusal) for one in rehearsed] == [not curator_may]


@pytest.fixture
def own(made, member_actor):
    """A member's, on what was the newest revision."""
    return made("own", who=member_actor)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stage": "retired"}, "own stays on demo@1: demo@2 is retired, not approved"),
        ({"stage": "deprecated"}, "own stays on demo@1: demo@2 is deprecated; a curator may move there"),
        ({"intact": False}, "own stays on demo@1: demo@2 no longer matches its digest"),
    ],
)
def test_a_move_that_waited_looks_again_whether_it_may(own, newer, member_actor, fields, words):
    before = own.disk.stat()
    asked = clone_rebase(clone=own, to=2, actor=member_actor)
    BaseRevision.objects.filter(pk=newer.pk).update(**fields)
    work(asked.job.pk)
    task = DiskTask.objects.get()
    assert (task.state, task.failure) == ("failed", words)
    assert fresh(own).revision.number == 1
    assert (fresh(own).busy, own.disk.stat().st_ino) == ("", before.st_ino)
    entry = AuditEntry.objects.get(action="rebase")
    assert (entry.outcome.result, entry.outcome.reason) == ("failed", words)


def test_a_revision_retired_while_the_new_disk_is_written_is_not_moved_to(own, newer, actor, monkeypatch):
    written = type(local_driver()).disk_rebuild

    def slow(self, *args, **kwargs):
        written(self, *args, **kwargs)
        BaseRevision.objects.filter(pk=newer.pk).update(stage="retired")

    monkeypatch.setattr(type(local_driver()), "disk_rebuild", slow)
    work(clone_rebase(clone=own, to=2, actor=actor).job.pk)
    assert DiskTask.objects.get().failure == "own stays on demo@1: demo@2 is retired, not approved"
    assert not list(own.folder.glob(".task-*"))


def test_a_cancel_seen_before_it_begins_is_heard(deep, actor):
    clone_flatten(clone=deep, actor=actor)
    task = DiskTask.objects.get()
    DiskTask.objects.filter(pk=task.pk).update(cancel_asked_at=task.created_at)
    with pytest.raises(Cancelled):
        reshaping.disk_task_done(task.pk)
