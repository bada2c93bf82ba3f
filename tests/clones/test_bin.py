"""What is removed to the bin has freed its name and kept its disk, until it is taken out or deleted."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from bases.life import retired_file_removed, revision_retire
from bases.life_models import RevisionMove
from bases.models import BaseRevision
from clones.bin import binned_named, clone_bin, clone_purge, clone_undelete
from clones.leftovers import leftovers_cleared
from clones.models import Clone
from clones.services import revision_in_use
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.errors import ConflictError, ForbiddenError, NameTakenError, NotFoundError
from hosts.jobs import work
from people.models import Membership, Team
from tests.clones.conftest import fresh, shows, write

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def thrown(made, actor):
    clone = made("web")
    write(clone.disk, "8M", "64k", "0x22")
    work(clone_bin(clone=clone, actor=actor).job.pk)
    return fresh(clone)


def test_the_name_is_free_and_the_disk_is_back_when_it_is_undeleted(thrown, made, actor):
    second = made("web")
    with pytest.raises(NameTakenError, match="as="):
        clone_undelete(clone=thrown, actor=actor)
    back = clone_undelete(clone=thrown, name="old-web", actor=actor)
    assert (back.status, back.disk.name, second.disk.exists()) == ("stopped", "old-web.qcow2", True)
    assert shows(back.disk, "8M", "64k", "0x22")
    assert shows(back.disk, "0", "4M", "0x11")
    assert back.lease.ends_at is not None


def test_the_upkeep_leaves_it_alone_and_its_base_knows_of_it(thrown):
    leftovers_cleared()
    assert thrown.disk.exists()
    assert revision_in_use(thrown.revision)


def test_a_revision_is_not_retired_under_what_is_in_the_bin(thrown, made, actor):
    revision = thrown.revision
    with pytest.raises(ConflictError, match=r"1 depends on demo@1: clone web of admin"):
        revision_retire(revision=revision, actor=actor)
    BaseRevision.objects.filter(pk=revision.pk).update(stage="retired")
    later = timezone.now() + timedelta(days=99)
    RevisionMove.objects.create(revision=revision, after="retired")
    assert not retired_file_removed(revision, later)
    assert revision.disk.exists()


def test_a_running_machine_is_ended_first(made, running, actor):
    clone = running(made("web"))
    work(clone_bin(clone=clone, actor=actor).job.pk)
    assert (fresh(clone).status, fresh(clone).record) == ("binned", None)


def test_a_clone_without_a_disk_has_nothing_to_keep(made, actor):
    clone = made("web")
    clone.disk.unlink()
    work(clone_bin(clone=clone, actor=actor).job.pk)
    assert (Clone.objects.get().status, Clone.objects.binned().count()) == ("removed", 0)


def test_of_undeleting_and_purging_one_wins(thrown, actor):
    asked = clone_purge(clone=thrown, actor=actor)
    with pytest.raises(ConflictError, match="being deleted for good"):
        clone_undelete(clone=thrown, actor=actor)
    with pytest.raises(ConflictError):
        clone_purge(clone=thrown, actor=actor)
    work(asked.job.pk)
    assert (Clone.objects.get().status, thrown.folder.exists()) == ("removed", False)
    with pytest.raises(NotFoundError):
        binned_named("web", actor)


def test_a_purge_frees_what_only_the_clone_stood_on(made, actor):
    parent = made("parent")
    child = made("child", parent)
    layer = child.layer.disk
    for clone in (parent, child):
        work(clone_bin(clone=fresh(clone), actor=actor).job.pk)
    assert layer.exists()
    for clone in (parent, child):
        work(clone_purge(clone=fresh(clone), actor=actor).job.pk)
    assert not layer.exists()


def test_a_purge_with_the_name_in_use_again_touches_only_its_own(thrown, made, actor):
    second = made("web")
    work(clone_purge(clone=thrown, actor=actor).job.pk)
    assert (fresh(second).status, second.disk.exists()) == ("stopped", True)


def test_members_use_it_no_more_and_owners_decide(thrown, member, member_actor):
    with pytest.raises(NotFoundError):
        binned_named("web", member_actor)
    team = Team.objects.create(name="red")
    Membership.objects.create(team=team, user=member, role="member")
    Clone.objects.update(team=team)
    for verb in (clone_undelete, clone_purge):
        with pytest.raises(ForbiddenError):
            verb(clone=binned_named("web", member_actor), actor=member_actor)


def test_the_verbs(made, actor):
    do = lambda line: run_command(line, Caller(actor))  # noqa: E731
    disk = Path(made("web").disk)
    kept = do("remove name=web bin=true")
    assert (kept["vm"], kept["status"], disk.exists()) == ("web", "binned", True)
    assert do("list")["count"] == 0
    assert do("undelete name=web as=again") == {
        "success": True,
        "operation": "undelete",
        "output": "again is back, stopped",
        "vm": "again",
        "status": "stopped",
    }
    assert do("undelete name=web")["code"] == "not_found"
    do("remove name=again bin=true")
    assert do("purge name=again")["status"] == "removed"
    assert do("list_bin")["output"] == "The bin is empty"
    made("final")
    assert do("remove name=final")["status"] == "removed"
    assert not list(disk.parents[1].iterdir())
