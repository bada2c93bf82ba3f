"""What counts for whom, what is refused and in which words, and how limits and raises are given."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from bases.models import BaseImage
from clones.models import Clone
from clones.services import clone_start, clones_create
from clones.wanted import Wanted
from cowweb.errors import ConflictError, DomainError, ForbiddenError, NotFoundError, QuotaError
from people.models import Membership
from pools.models import Spare, Template
from provisioning.models import Run
from provisioning.services import Order, run_create
from quotas.limits import limits_of
from quotas.models import Quota, Raise
from quotas.raises import (
    raise_approve,
    raise_named,
    raise_refuse,
    raise_request,
    raise_withdraw,
    raises_ended,
)
from quotas.setting import DEFAULT, default_account, person_account, quota_set, team_account
from quotas.usage import used_by
from tests.people.conftest import actor_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
SCRIPT = b"#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-timeout: 90\ntrue\n"


@pytest.fixture
def limit(crowd):
    def give(account, quota, most, who="administrator"):
        return quota_set(account=account, quota=Quota(quota), most=most, actor=actor_for(getattr(crowd, who)))

    return give


def made(user, count=1, **wanted):
    return [
        one.clone for one in clones_create([Wanted(base="demo", **wanted)] * count, actor=actor_for(user))
    ]


def limit_now(kind, pk, quota):
    return limits_of([(kind, pk)])[(kind, pk)][quota].most


def test_without_a_limit_anyone_makes_what_they_like(demo, crowd):
    assert len(made(crowd.member, 5, start=False)) == 5


def test_a_refusal_names_quota_used_limit_and_asked(demo, crowd, limit):
    limit(default_account("people"), "clones", 3)
    made(crowd.member, 2, start=False)
    with pytest.raises(QuotaError) as refused:
        made(crowd.member, 2, start=False)
    assert str(refused.value).startswith("Over quota: member uses 2 of 3 clones, and 2 more were asked for")
    assert refused.value.code == "quota"
    asked = {"name": "clones", "of": "user:member", "used": 2, "limit": 3, "asked": 2}
    assert refused.value.facts == {"quota": asked}
    assert Clone.objects.count() == 2  # all or nothing
    made(crowd.owner, 3, start=False)  # a default is each person's own


def test_a_team_is_charged_for_what_its_people_make_for_it(demo, crowd, limit):
    limit(team_account(crowd.team), "memory", 128)
    made(crowd.member, team="red")
    made(crowd.owner, team="red")
    with pytest.raises(
        QuotaError, match=r"team red uses 128 MiB of 128 MiB memory, and 64 MiB more was asked"
    ):
        made(crowd.owner, team="red")
    made(crowd.owner)  # for themselves


@pytest.mark.parametrize(("quota", "most"), [("running", 1), ("vcpus", 1), ("memory", 100)])
def test_starting_again_is_checked_and_making_a_disk_is_not(demo, crowd, limit, quota, most):
    limit(person_account(crowd.member), quota, most)
    running, stopped = made(crowd.member)[0], made(crowd.member, start=False)[0]
    Clone.objects.filter(pk=stopped.pk).update(status="stopped")
    with pytest.raises(QuotaError):
        clone_start(clone=stopped, actor=actor_for(crowd.member))
    stopped.refresh_from_db()
    assert stopped.status == "stopped"
    Clone.objects.filter(pk=running.pk).update(status="stopped", start_asked=False)
    clone_start(clone=stopped, actor=actor_for(crowd.member))


def test_who_is_over_their_disk_makes_and_starts_nothing_more(demo, crowd, limit):
    limit(person_account(crowd.member), "disk", 10)
    clone = made(crowd.member, start=False)[0]
    Clone.objects.filter(pk=clone.pk).update(status="stopped", disk_bytes=10 << 20)
    for more in (lambda: made(crowd.member), lambda: clone_start(clone=clone, actor=actor_for(crowd.member))):
        with pytest.raises(QuotaError, match="10 MiB of 10 MiB disk"):
            more()


def test_run_minutes_are_reserved_by_the_time_limit_and_counted_by_the_time_taken(demo, crowd, limit):
    limit(person_account(crowd.member), "run_minutes", 3)
    order = Order(text=SCRIPT, script_name="a.sh")
    first = run_create(order, actor=actor_for(crowd.member)).run  # 90 s: two begun minutes
    holder = ("user", crowd.member.pk)
    assert used_by([holder])[holder]["run_minutes"] == 2
    second = run_create(order, actor=actor_for(crowd.member)).run
    assert used_by([holder])[holder]["run_minutes"] == 3
    with pytest.raises(QuotaError, match="of 3 run minutes this month, and 2 more were asked"):
        run_create(order, actor=actor_for(crowd.member))
    now = timezone.now()
    Run.objects.update(status="failed", started_at=now - timedelta(seconds=5), ended_at=now)
    assert used_by([holder])[holder]["run_minutes"] == (1 if now.day > 1 or now.minute else 0)
    run_create(order, actor=actor_for(crowd.member))
    assert {first.clone.owner, second.clone.owner} == {crowd.member}


def test_last_months_minutes_are_not_this_months(demo, crowd):
    run = run_create(Order(text=SCRIPT, script_name="a.sh"), actor=actor_for(crowd.member)).run
    before = timezone.now() - timedelta(days=40)
    Run.objects.update(created_at=before, started_at=before, ended_at=before + timedelta(minutes=9))
    assert used_by([("user", run.owner_id)])[("user", run.owner_id)]["run_minutes"] == 0


def test_spares_of_a_teams_base_count_for_the_team(demo, crowd):
    template = Template.objects.create(revision=demo.current, memory_mb=64, cpus=1, fingerprint="f")
    for status in ("ready", "filling", "taken", "discarded"):
        Spare.objects.create(template=template, status=status)
    team = ("team", crowd.team.pk)
    assert used_by([team])[team]["spares"] == 0
    BaseImage.objects.update(for_everyone=False)
    demo.teams.add(crowd.team)
    assert used_by([team])[team]["spares"] == 2


def test_use_is_counted_with_as_many_queries_for_many_as_for_one(demo, crowd, django_assert_num_queries):
    people = [("user", user.pk) for user in (crowd.member, crowd.owner, crowd.viewer)]
    team = ("team", crowd.team.pk)
    with django_assert_num_queries(7):
        used_by([people[0], team])
    with django_assert_num_queries(7):
        used_by([*people, team, ("team", crowd.others.pk)])


def test_own_limits_win_over_defaults_and_can_be_given_back(crowd, limit):
    limit(default_account("people"), "clones", 3)
    account = person_account(crowd.member)
    for most, then in ((7, 7), (None, None), (DEFAULT, 3), (0, 0)):
        limit(account, "clones", most)
        account.refresh_from_db()
        assert limit_now("user", crowd.member.pk, "clones") == then
    entry = AuditEntry.objects.filter(action="set_quota", target="user:member").latest("pk")
    assert (entry.params["limit"], entry.params["before"]) == (0, "default")


def test_an_owner_gives_their_people_up_to_what_the_team_has(crowd, limit):
    account = person_account(crowd.member)
    limit(team_account(crowd.team), "clones", 10)
    limit(account, "clones", 10, who="owner")
    for most in (11, None, DEFAULT):
        with pytest.raises(ForbiddenError, match="no more than the team itself may use: 10 clones"):
            limit(account, "clones", most, who="owner")


@pytest.mark.parametrize("who", ["viewer", "member", "other", "curator", "auditor"])
def test_others_set_nothing(crowd, limit, who):
    for account in (person_account(crowd.member), team_account(crowd.team), default_account("people")):
        with pytest.raises(ForbiddenError):
            limit(account, "clones", 1, who=who)
    with pytest.raises(ForbiddenError):
        limit(team_account(crowd.team), "clones", 1, who="owner")  # their own team's


@pytest.fixture
def request_for(crowd, limit):
    """The member, who may have 2 clones and the team 10, asks for 5."""
    limit(default_account("people"), "clones", 2)
    limit(team_account(crowd.team), "clones", 10)

    def ask(most=5, account=None, who="member", days=2):
        return raise_request(
            account=account or person_account(crowd.member),
            quota=Quota.CLONES,
            most=most,
            until=timezone.now() + timedelta(days=days),
            why="a load test",
            actor=actor_for(getattr(crowd, who)),
        )

    return ask


@pytest.mark.parametrize("who", ["owner", "administrator"])
def test_an_approved_request_is_a_limit_until_its_day(demo, crowd, request_for, who):
    request = request_for()
    with pytest.raises(QuotaError):
        made(crowd.member, 5, start=False)
    raise_approve(request=request, note="go on", actor=actor_for(getattr(crowd, who)))
    made(crowd.member, 5, start=False)
    Raise.objects.update(until=timezone.now())
    assert limit_now("user", crowd.member.pk, "clones") == 2  # by its time alone
    assert [raises_ended(), raises_ended()] == [1, 0]
    request.refresh_from_db()
    assert (request.state, request.decided_by.username, request.note) == ("ended", who, "go on")
    actions = AuditEntry.objects.filter(target="user:member").values_list("action", flat=True)
    assert {"request_quota", "approve", "end_raise"} <= set(actions)
    assert Clone.objects.count() == 5  # what was made stays


def test_nobody_decides_their_own_request_but_an_administrator(crowd, request_for):
    request = request_for()
    for who in ("member", "viewer", "curator"):
        with pytest.raises(ForbiddenError):
            raise_approve(request=request, note="", actor=actor_for(getattr(crowd, who)))
    of_team = request_for(most=20, account=team_account(crowd.team), who="owner")
    with pytest.raises(ForbiddenError):
        raise_approve(request=of_team, note="", actor=actor_for(crowd.owner))
    raise_approve(request=of_team, note="", actor=actor_for(crowd.administrator))
    assert limit_now("team", crowd.team.pk, "clones") == 20


def test_an_owner_approves_no_more_than_the_team_has(crowd, request_for):
    with pytest.raises(ForbiddenError, match="10 clones"):
        raise_approve(request=request_for(most=11), note="", actor=actor_for(crowd.owner))


def test_a_request_is_refused_with_a_note_and_decided_once(crowd, request_for):
    request, owner = request_for(), actor_for(crowd.owner)
    with pytest.raises(DomainError, match="Say why"):
        raise_refuse(request=request, note=" ", actor=owner)
    raise_refuse(request=request, note="not now", actor=owner)
    assert request.state == "refused"
    with pytest.raises(ConflictError, match="is refused"):
        raise_approve(request=request, note="", actor=owner)


def test_what_was_given_can_be_taken_back_before_its_day(crowd, request_for):
    request, owner = request_for(), actor_for(crowd.owner)
    raise_approve(request=request, note="", actor=owner)
    raise_refuse(request=request, note="the test is over", actor=owner)
    assert (request.state, limit_now("user", crowd.member.pk, "clones")) == ("ended", 2)


def test_who_asked_takes_it_back_and_one_waits_at_a_time(crowd, request_for):
    request = request_for()
    with pytest.raises(ConflictError, match=f"Request {request.pk} for that waits already"):
        request_for(most=6)
    with pytest.raises(ForbiddenError):
        raise_withdraw(request=request, actor=actor_for(crowd.owner))
    raise_withdraw(request=request, actor=actor_for(crowd.member))
    request_for(most=6)


def test_what_needs_no_request_is_not_one(crowd, request_for):
    with pytest.raises(ConflictError, match="may use 2 already"):
        request_for(most=2)
    for who, account in (("other", None), ("viewer", team_account(crowd.team))):
        with pytest.raises(ForbiddenError):
            request_for(account=account, who=who)


def test_requests_are_seen_by_who_asks_and_who_decides(crowd, request_for):
    request = request_for()
    for who in ("member", "owner", "administrator", "auditor"):
        assert raise_named(request.pk, actor_for(getattr(crowd, who))) == request
    for who in ("viewer", "other"):
        with pytest.raises(NotFoundError):
            raise_named(request.pk, actor_for(getattr(crowd, who)))
    Membership.objects.filter(user=crowd.member).update(role="viewer")
    with pytest.raises(NotFoundError):
        raise_named(request.pk, actor_for(crowd.owner))
