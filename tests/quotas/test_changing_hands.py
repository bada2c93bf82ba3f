"""A clone that changes hands or comes out of the bin has to fit in the quotas of whom it comes to."""

import pytest
from django.utils import timezone

from clones.bin import clone_undelete
from clones.lending import Whom, clone_transfer
from clones.models import Binned, Clone, Layer
from clones.services import clones_create
from clones.wanted import Wanted
from cowweb.errors import QuotaError
from quotas.models import Quota
from quotas.setting import person_account, quota_set, team_account
from tests.people.conftest import actor_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
MIB = 1 << 20


@pytest.fixture
def limit(crowd):
    def give(account, quota, most):
        return quota_set(account=account, quota=Quota(quota), most=most, actor=actor_for(crowd.administrator))

    return give


def made(user, **facts) -> Clone:
    asked = clones_create([Wanted(base="demo", team=facts.pop("team", "none"))], actor=actor_for(user))
    clone = asked[0].clone
    Clone.objects.filter(pk=clone.pk).update(**{"status": "stopped", "start_asked": False, **facts})
    clone.refresh_from_db()
    return clone


def thrown(user, **facts) -> Clone:
    clone = made(user, status="binned", **facts)
    Binned.objects.create(clone=clone, until=timezone.now(), by_name="x", at=timezone.now())
    clone.folder.mkdir(parents=True)
    clone.disk.touch()
    return clone


def test_a_person_without_a_place_left_is_given_no_clone(demo, crowd, limit):
    limit(person_account(crowd.member), "clones", 1)
    made(crowd.member)
    clone = made(crowd.owner)
    with pytest.raises(
        QuotaError, match="member uses 1 of 1 clones, and 1 more was asked for; nothing is left"
    ):
        clone_transfer(clone=clone, whom=Whom(user="member"), actor=actor_for(crowd.owner))
    clone.refresh_from_db()
    assert clone.owner == crowd.owner
    limit(person_account(crowd.member), "clones", 2)
    assert (
        clone_transfer(clone=clone, whom=Whom(user="member"), actor=actor_for(crowd.owner)).owner
        == crowd.member
    )


def test_a_machine_at_work_brings_its_memory_and_a_stopped_one_does_not(demo, crowd, limit):
    limit(team_account(crowd.team), "memory", 63)
    stopped = made(crowd.member)
    running = made(crowd.member, status="starting", start_asked=True)
    clone_transfer(clone=stopped, whom=Whom(team="red"), actor=actor_for(crowd.member))
    with pytest.raises(QuotaError, match="team red uses 0 of 63 MiB memory, and 64 MiB more"):
        clone_transfer(clone=running, whom=Whom(team="red"), actor=actor_for(crowd.member))


def test_the_disk_that_comes_along_counts_with_the_layers_below(demo, crowd, limit):
    limit(person_account(crowd.member), "disk", 10)
    made(crowd.member, disk_bytes=4 * MIB)
    clone = made(crowd.owner, disk_bytes=3 * MIB)
    Layer.objects.create(made_from=clone, revision=clone.revision, disk_bytes=4 * MIB)
    with pytest.raises(QuotaError, match="4 MiB of 10 MiB disk, and 7 MiB more was asked for; 6 MiB is left"):
        clone_transfer(clone=clone, whom=Whom(user="member"), actor=actor_for(crowd.owner))
    Layer.objects.update(disk_bytes=3 * MIB)
    clone_transfer(clone=clone, whom=Whom(user="member"), actor=actor_for(crowd.owner))


def test_who_gives_a_clone_to_their_team_is_not_asked_for_a_place_again(demo, crowd, limit):
    limit(person_account(crowd.member), "clones", 1)
    clone = made(crowd.member)
    assert (
        clone_transfer(clone=clone, whom=Whom(team="red"), actor=actor_for(crowd.member)).team == crowd.team
    )


@pytest.mark.parametrize(("quota", "most"), [("clones", 1), ("disk", 5)])
def test_a_clone_stays_in_the_bin_while_there_is_no_room_for_it(demo, crowd, limit, quota, most):
    clone = thrown(crowd.member, disk_bytes=3 * MIB)
    other = made(crowd.member, disk_bytes=3 * MIB)
    limit(person_account(crowd.member), quota, most)
    with pytest.raises(QuotaError, match="Over quota: member uses"):
        clone_undelete(clone=clone, actor=actor_for(crowd.member))
    clone.refresh_from_db()
    assert (clone.status, Binned.objects.count(), clone.disk.exists()) == ("binned", 1, True)
    Clone.objects.filter(pk=other.pk).update(status="removed")
    assert clone_undelete(clone=clone, actor=actor_for(crowd.member)).status == "stopped"


def test_a_teams_clone_needs_room_in_the_team_to_come_back(demo, crowd, limit):
    clone = thrown(crowd.member, team="red")
    limit(team_account(crowd.team), "clones", 0)
    with pytest.raises(QuotaError, match="team red uses 0 of 0 clones"):
        clone_undelete(clone=clone, actor=actor_for(crowd.owner))
