"""Every clone ends: warned of, extended, kept while it is at work, stopped, in the bin, removed; once each."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from audit.services import SYSTEM
from clones.activity_models import Activity
from clones.bin import bin_emptied
from clones.lease_models import Binned, Lease, LeasePolicy
from clones.lease_terms import until
from clones.lease_upkeep import leases_looked_after
from clones.leases import Length, lease_extend, policy_set
from clones.models import Clone
from clones.services import clone_create
from clones.wanted import Wanted
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.errors import ConflictError, DomainError, ForbiddenError, QuotaError
from hosts.jobs import queued_ids, work
from people.models import Membership, Team
from tests.clones.conftest import fresh

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
HOUR = timedelta(hours=1)


@pytest.fixture
def lent(made, actor, member):
    """A clone of the team red, whose member is mia."""
    team = Team.objects.create(name="red")
    Membership.objects.create(team=team, user=member, role="member")
    clone = made("web")
    Clone.objects.filter(pk=clone.pk).update(team=team)
    return fresh(clone)


def looked(works=None):
    return leases_looked_after(lambda: works or {})


def jobs_done():
    while queued_ids():
        for pk in queued_ids():
            work(pk)


def moved(clone, *, ends, began=None, ended=None):
    """Its lease as if the clock were elsewhere."""
    now = timezone.now()
    Lease.objects.filter(clone=clone).update(
        **{**until(now + ends, now=now), "ended_at": None if ended is None else now + ended},
        **({} if began is None else {"began_at": now + began}),
    )


def hours_left(clone) -> float:
    return (Lease.objects.get(clone=clone).ends_at - timezone.now()) / HOUR


def entries(action):
    return AuditEntry.objects.filter(action=action, target="clone:web").count()


def test_a_new_clone_has_the_lease_of_the_site(made, settings):
    settings.COWWEB_LEASE_HOURS = 48
    assert hours_left(made("web")) == pytest.approx(48, abs=0.1)


def test_the_strictest_of_team_and_base_decides(demo, actor, admin):
    team = Team.objects.create(name="red")
    Membership.objects.create(team=team, user=admin, role="member")
    policy_set(team=team, length=Length(24, 100), actor=actor)
    policy_set(base=demo, length=Length(30, 50), actor=actor)
    asked = clone_create(Wanted(base="demo", name="web", team="red", start=False), actor=actor)
    assert hours_left(asked.clone) == pytest.approx(24, abs=0.1)
    with pytest.raises(QuotaError, match="lease=51 is more than the 50 h"):
        clone_create(Wanted(base="demo", name="more", team="red", start=False, lease_hours=51), actor=actor)
    assert not Clone.objects.filter(name="more").exists()


def test_a_length_that_makes_no_sense_is_refused_by_field(demo, actor):
    for length, field in (
        (Length(10, 5), "default"),
        (Length(None, 0), "most"),
        (Length(-1, None), "default"),
    ):
        with pytest.raises(DomainError) as refused:
            policy_set(base=demo, length=length, actor=actor)
        assert refused.value.field == field


def test_one_click_gives_one_more_length_within_the_greatest(lent, member_actor, settings):
    settings.COWWEB_LEASE_HOURS, settings.COWWEB_LEASE_MOST_HOURS = 24, 100
    moved(lent, ends=HOUR, began=-90 * HOUR)
    lease_extend(clone=lent, actor=member_actor)
    assert hours_left(lent) == pytest.approx(10, abs=0.1)
    with pytest.raises(ForbiddenError, match=r"It may last until 20\d\d-.* \(100 h in all\)"):
        lease_extend(clone=lent, actor=member_actor)
    with pytest.raises(ForbiddenError):
        lease_extend(clone=lent, hours=11, actor=member_actor)


def test_more_than_the_greatest_is_an_owners_or_administrators_to_give(lent, member, member_actor, settings):
    settings.COWWEB_LEASE_MOST_HOURS = 100
    moved(lent, ends=HOUR, began=-90 * HOUR)
    Membership.objects.filter(user=member).update(role="owner")
    lease_extend(clone=lent, hours=300, actor=member_actor)
    assert hours_left(lent) == pytest.approx(300, abs=0.1)


def test_who_may_only_look_extends_nothing_and_a_lease_does_not_get_shorter(
    lent, actor, member, member_actor
):
    with pytest.raises(ConflictError, match="already"):
        lease_extend(clone=lent, hours=1, actor=actor)
    Membership.objects.filter(user=member).update(role="viewer")
    with pytest.raises(ForbiddenError):
        lease_extend(clone=lent, actor=member_actor)


def test_pages_are_told_once_before_the_end(lent):
    moved(lent, ends=HOUR)
    Lease.objects.update(warn_at=timezone.now() - HOUR)
    assert (looked(), looked()) == (1, 0)
    assert Lease.objects.get().is_near


def test_a_lease_that_ended_while_nobody_looked_ends_once(lent, running, settings):
    """Rows in the past are what a server finds that was down."""
    settings.COWWEB_STOP_GRACE_S = 1
    running(lent)
    moved(lent, ends=-50 * HOUR)
    assert (looked(), looked()) == (1, 0)
    assert Clone.objects.get().status == "stopping"
    jobs_done()
    assert (looked(), looked()) == (0, 0)
    assert (Clone.objects.get().status, entries("end_lease"), entries("stop")) == ("stopped", 1, 0)
    assert "goes to the bin on" in Lease.objects.get().note


def test_after_the_grace_it_is_in_the_bin_and_after_that_gone(lent, actor):
    moved(lent, ends=-30 * HOUR, ended=-25 * HOUR)
    looked()
    jobs_done()
    clone = fresh(lent)
    assert (clone.status, clone.disk.exists(), clone.binned.by_name) == ("binned", True, "cowweb")
    assert run_command("inspect name=web", Caller(actor))["code"] == "not_found"
    assert run_command("list_bin", Caller(actor))["output"] == "1 in the bin: web"
    assert looked() == 0
    Binned.objects.update(until=timezone.now() - HOUR)
    assert (bin_emptied(), bin_emptied()) == (1, 0)
    jobs_done()
    assert (Clone.objects.get().status, clone.folder.exists(), Binned.objects.count()) == (
        "removed",
        False,
        0,
    )


def test_work_keeps_a_clone_in_small_steps_up_to_the_greatest(lent, settings):
    settings.COWWEB_LEASE_MOST_HOURS = 100
    moved(lent, ends=-HOUR, began=-99.75 * HOUR)
    busy = {lent.pk: "run 7 works in it"}
    assert looked(busy) == 1
    assert hours_left(lent) == pytest.approx(0.25, abs=0.02)
    assert "because run 7 works in it" in Lease.objects.get().note
    moved(lent, ends=-HOUR, began=-101 * HOUR)
    looked(busy)
    assert Lease.objects.get().ended_at is not None
    assert "at its longest, while run 7 works in it" in Lease.objects.get().note


@pytest.mark.parametrize(("minutes", "ends"), [(2, False), (40, True)])
def test_a_machine_that_was_at_work_just_now_is_not_stopped(lent, running, minutes, ends):
    running(lent)
    moved(lent, ends=-HOUR)
    now = timezone.now()
    active = now - timedelta(minutes=minutes)
    Activity.objects.create(clone=lent, start="x", looked_at=now, active_at=active, what="it uses 90 %")
    looked()
    assert (Lease.objects.get().ended_at is not None) == ends


def test_a_clone_that_is_started_after_its_end_has_another_lease(lent, running, settings):
    settings.COWWEB_LEASE_HOURS = 24
    moved(lent, ends=-HOUR, ended=-HOUR)
    running(lent)
    looked()
    assert hours_left(lent) == pytest.approx(24, abs=0.1)
    moved(lent, ends=-HOUR, ended=-HOUR, began=-9999 * HOUR)
    looked()
    assert Clone.objects.get().status == "stopping"


def test_an_ended_lease_is_undone_by_extending_it(lent, member_actor):
    moved(lent, ends=-HOUR, ended=-HOUR)
    lease_extend(clone=lent, actor=member_actor)
    assert Lease.objects.get().ended_at is None


def test_a_clone_from_before_there_were_leases_begins_one(lent):
    Lease.objects.all().delete()
    assert (looked(), looked()) == (1, 0)
    assert hours_left(lent) == pytest.approx(168, abs=0.1)


def test_where_the_site_wants_no_end_there_is_none(made, settings):
    settings.COWWEB_LEASE_HOURS = settings.COWWEB_LEASE_MOST_HOURS = 0
    clone = made("web")
    assert Lease.objects.get(clone=clone).ends_at is None
    assert looked() == 0


def test_the_verbs_say_until_when(lent, actor):
    do = lambda line: run_command(line, Caller(actor))  # noqa: E731
    assert do("extend name=web hours=500")["output"].startswith("web lasts until 20")
    shown = do("lease name=web")
    assert shown["leaseEnds"] == Lease.objects.get().ends_at.isoformat()
    assert do("lease team=red default=24 most=48")["output"] == "Leases of red: 24 h; at most: 48 h"
    assert do("lease team=red most=72")["output"] == "Leases of red: 24 h; at most: 72 h"
    assert do("lease team=red most=none")["output"] == "Leases of red: 24 h; at most: as the site has it"
    assert do("lease team=red default=none")["default"] is None
    assert not LeasePolicy.objects.filter(team__name="red").exists()
    assert (
        do("lease base=demo")["output"] == "Leases of demo: as the site has it; at most: as the site has it"
    )
    assert do("lease name=web most=2")["code"] == "invalid"
    assert do("inspect name=web")["leaseEnds"] == shown["leaseEnds"]


def test_the_site_itself_has_no_limit(lent):
    lease_extend(clone=lent, hours=5000, actor=SYSTEM)
    assert hours_left(lent) == pytest.approx(5000, abs=0.1)
