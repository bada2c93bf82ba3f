"""A running guest is branched: the child goes on from its parent's moment, as another machine, on its own."""

import time

import pytest

from clones import live_branch
from clones.models import Clone, Layer
from clones.services import clone_create, clone_remove as remove
from clones.wanted import Wanted
from cowweb.errors import ConflictError, DomainError
from hosts.drivers.errors import DriverError
from hosts.jobs import work
from hosts.services import local_driver
from tests.clones.memory.conftest import fresh

pytestmark = [pytest.mark.guest, pytest.mark.django_db]
# A program whose only state is its memory; it writes where it is every tenth of a second, and memory besides.
COUNT = """(i=0; while :; do i=$((i+1)); echo $i > /run/next; mv /run/next /run/count; \
dd if=/dev/zero of=/run/work bs=64k count=8 2>/dev/null; sleep 0.1; done) >/dev/null 2>&1 & cat /proc/sys/kernel/random/boot_id"""
# Random numbers first: they are the first to be the same where the identity was not given.
WHO = """head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo; cat /proc/sys/kernel/random/uuid; hostname; \
cat /etc/machine-id"""


def branched(site, parent: Clone, name: str):
    return clone_create(Wanted(parent=parent.name, name=name, way="live"), actor=site.actor)


def count(site, clone: Clone) -> int:
    return int(site.says(clone, "cat /run/count"))


@pytest.fixture
def parent(memory_site):
    """Counts for as long as a test runs; its rows are of that test's transaction."""
    made = memory_site.clone("counting")
    memory_site.says(made, COUNT)
    yield made
    memory_site.done(remove(clone=fresh(made), actor=memory_site.actor))


def test_the_child_goes_on_as_another_and_each_writes_alone(memory_site, parent):
    site = memory_site
    boot_id = site.says(parent, "echo ours > /root/both; cat /proc/sys/kernel/random/boot_id")
    before = count(site, parent)
    child = site.done(branched(site, parent, "child"))
    print(f"parent stood still for {child.pause_ms} ms; {dict(child.timed)}")
    assert (child.status, child.way, child.identity_verified) == ("running", "live", True)
    assert 0 < child.pause_ms < child.moment_ms
    assert not child.moment.exists()
    assert f"stood still for {child.pause_ms:.1f} ms" in fresh(parent).note

    assert site.says(child, "cat /proc/sys/kernel/random/boot_id") == boot_id  # it did not boot
    counted = count(site, child)
    assert counted >= before
    theirs, ours = site.says(child, WHO).split(), site.says(parent, WHO).split()
    assert not set(theirs) & set(ours)
    assert (theirs[2], ours[2]) == ("child", "counting")
    assert child.host_public != parent.host_public
    assert abs(int(site.says(child, "date +%s")) - time.time()) < 2

    site.says(child, "echo child > /root/mine; echo child > /run/mine; sync")
    site.says(parent, "echo parent > /root/yours; echo parent > /run/yours; sync")
    assert site.says(child, "ls /root /run").count("yours") == 0
    assert site.says(parent, "ls /root /run").count("mine") == 0
    assert site.says(child, "cat /root/both") == "ours"
    time.sleep(0.5)
    assert count(site, child) > counted  # both go on counting, each for itself
    assert count(site, parent) > before
    for clone in (child, fresh(parent)):
        assert local_driver().image_check(clone.below).clean
    site.done(remove(clone=fresh(child), actor=site.actor))


@pytest.mark.parametrize("step", ["started_written", "identified"])
def test_when_the_child_fails_its_parent_runs_on_and_nothing_stays(memory_site, parent, monkeypatch, step):
    def fails(*args):
        raise DriverError("no luck")

    asked = branched(memory_site, parent, "unlucky")
    with monkeypatch.context() as patch:
        patch.setattr(live_branch, step, fails)
        work(asked.job.pk)
    child = fresh(asked.clone)
    assert (child.status, child.failure) == ("failed", "no luck")
    assert not local_driver().running(child.folder)
    assert not child.folder.exists() and not child.moment.exists()
    before = count(memory_site, parent)
    time.sleep(0.5)
    assert count(memory_site, parent) > before
    assert fresh(parent).busy == ""


def test_who_branches_dies_and_the_job_goes_on(memory_site, parent, monkeypatch):
    def dies(*args):
        raise KeyboardInterrupt

    asked = branched(memory_site, parent, "orphan")
    with monkeypatch.context() as patch:
        patch.setattr(live_branch, "identified", dies)
        with pytest.raises(KeyboardInterrupt):
            live_branch.live_branched(fresh(asked.clone), on_phase=str)
    half = fresh(asked.clone)
    assert half.status == "starting" and local_driver().running(half.folder)
    child = memory_site.done(asked)
    assert (child.status, child.way) == ("running", "live")
    assert len(local_driver().running(child.folder)) == 1
    assert memory_site.says(child, "hostname") == "orphan"
    memory_site.done(remove(clone=child, actor=memory_site.actor))
    assert not Layer.objects.filter(sealed_at=None).exists()


def test_what_cannot_be_branched_says_why(memory_site, parent, monkeypatch):
    with pytest.raises(DomainError, match="has its parent's memory"):
        clone_create(
            Wanted(parent=parent.name, way="live", memory_mb=parent.memory_mb * 2), actor=memory_site.actor
        )
    with pytest.raises(DomainError, match="leave no_start out"):
        clone_create(Wanted(parent=parent.name, way="live", start=False), actor=memory_site.actor)
    with pytest.raises(DomainError, match="write from="):
        clone_create(Wanted(base="tiny", way="live"), actor=memory_site.actor)
    with monkeypatch.context() as patch:
        patch.setattr("hosts.drivers.hibernate.qemu_version", lambda: "99.0")
        asked = branched(memory_site, parent, "unfit")
        work(asked.job.pk)
    assert "this host now has 99.0" in fresh(asked.clone).failure
    Clone.objects.filter(pk=parent.pk).update(template=None, has_agent=False)
    with pytest.raises(ConflictError, match="our agent is not in it"):
        branched(memory_site, parent, "agentless")
    Clone.objects.filter(pk=parent.pk).update(template=parent.template)
