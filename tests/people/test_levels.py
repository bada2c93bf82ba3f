"""Who has which level on a clone: by owning it, by a place in its team, by a share, by a role on the site."""

import pytest

from audit.models import Via
from audit.services import SYSTEM, Actor
from bases.models import BaseImage
from clones.models import Clone
from clones.share_models import Share
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.errors import ForbiddenError, NotFoundError
from people import rights
from people.models import Membership, Person
from people.rights import OWN, SEE, USE
from provisioning.models import Run
from tests.people.conftest import actor_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def clone(demo, crowd) -> Clone:
    """Of the team red, made by somebody who has left it since."""
    made = run_command("clone base=demo name=red-1 no_start=true", Caller(actor_for(crowd.administrator)))
    assert made["success"], made
    Clone.objects.update(team=crowd.team)
    return Clone.objects.get()


def level_of(user, clone):
    return max((level for level in rights.Level if rights.may(user, level, clone)), default=0)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("viewer", SEE),
        ("member", USE),
        ("owner", OWN),
        ("other", 0),
        ("curator", SEE),
        ("auditor", SEE),
        ("administrator", OWN),
    ],
)
def test_a_place_in_the_team_or_a_role_on_the_site_gives_its_level(clone, crowd, kind, level):
    user = actor_for(getattr(crowd, kind)).user
    assert level_of(user, clone) == level
    assert Clone.objects.visible_to(user).exists() == (level >= SEE)


def test_who_made_a_clone_owns_it_whatever_their_place(clone, crowd):
    Clone.objects.update(owner=crowd.viewer, team=None)
    assert level_of(crowd.viewer, clone) == OWN
    assert level_of(crowd.owner, clone) == 0


@pytest.mark.parametrize("level", [SEE, USE])
def test_a_share_gives_its_level_and_no_more(clone, crowd, level):
    Share.objects.create(clone=clone, user=crowd.other, level=level, by_name="owner")
    assert level_of(crowd.other, clone) == level


def test_a_share_with_a_team_gives_its_viewers_a_look_only(clone, crowd):
    Membership.objects.create(team=crowd.others, user=crowd.curator, role="viewer")
    crowd.curator.is_staff = False
    Share.objects.create(clone=clone, team=crowd.others, level=USE, by_name="owner")
    assert level_of(crowd.other, clone) == USE
    assert level_of(crowd.curator, clone) == SEE


def test_what_one_may_not_see_is_not_there_and_what_one_may_only_see_is_refused(clone, crowd):
    rights.require(SYSTEM, OWN, clone)
    rights.require(actor_for(crowd.owner), OWN, clone)
    with pytest.raises(NotFoundError) as hidden:
        rights.require(actor_for(crowd.other), USE, clone)
    assert str(hidden.value) == "Clone red-1 not found"
    with pytest.raises(ForbiddenError):
        rights.require(actor_for(crowd.viewer), USE, clone)


def test_a_run_is_open_to_who_has_its_clone(clone, crowd):
    run = Run.objects.create(
        script_name="x.sh", owner=clone.owner, clone=clone, clone_name="red-1", base_reference="demo"
    )
    assert [level_of(getattr(crowd, kind), run) for kind in ("viewer", "member", "other")] == [SEE, USE, 0]


def test_a_base_of_one_team_is_not_there_for_others(demo, crowd):
    BaseImage.objects.update(for_everyone=False, created_by=None)
    demo.teams.add(crowd.team)
    assert "demo" in run_command("list_bases", Caller(actor_for(crowd.viewer)))["output"]
    other = Caller(actor_for(crowd.other))
    assert run_command("list_bases", other)["count"] == 0
    hidden, missing = (run_command(f"clone base={name}", other) for name in ("demo", "nothing"))
    assert hidden["code"] == missing["code"] == "not_found"
    assert hidden["output"].replace("demo", "nothing") == missing["output"]


def test_a_new_clone_is_for_ones_usual_team_while_one_is_in_it(demo, crowd):
    Person.objects.create(user=crowd.member, default_team=crowd.team)
    assert run_command("clone base=demo name=a no_start=true", Caller(actor_for(crowd.member)))["success"]
    assert Clone.objects.get(name="a").team == crowd.team
    Membership.objects.filter(user=crowd.member).update(role="viewer")
    assert run_command("clone base=demo name=b no_start=true", Caller(actor_for(crowd.member)))["success"]
    assert Clone.objects.get(name="b").team is None


def test_nobody_chooses_a_team_that_they_are_not_in(crowd):
    with pytest.raises(NotFoundError):
        rights.team_chosen(Actor(user=crowd.other, via=Via.WEB), "red")
    with pytest.raises(ForbiddenError):
        rights.team_chosen(Actor(user=crowd.viewer, via=Via.WEB), "red")
    assert rights.team_chosen(Actor(user=crowd.member, via=Via.WEB), "red") == crowd.team


def test_who_is_not_signed_in_may_nothing_although_the_site_itself_has_no_user_either(clone):
    nobody = Actor(user=None, via=Via.WEB)
    assert not nobody.is_curator
    with pytest.raises(NotFoundError):
        rights.require(nobody, SEE, clone)
    with pytest.raises(ForbiddenError):
        rights.require_administrator(nobody)
    rights.require(SYSTEM, OWN, clone)
