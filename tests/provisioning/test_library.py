"""The library: a name, its owner, and versions that never change."""

import pytest
from django.db import IntegrityError, transaction

from audit.models import AuditEntry
from cowweb.errors import DomainError, ForbiddenError, NotFoundError
from people.models import Membership, Team
from provisioning.library import Draft, script_named, script_remove, script_save, version_named
from provisioning.models import Script, ScriptVersion

pytestmark = pytest.mark.django_db
TEXT = "#!/bin/sh\n# kvm-infra-use: demo\necho {}\n"


@pytest.fixture
def save(site, member_actor):
    return lambda word, **more: script_save(
        Draft("say.sh", TEXT.format(word), **more), actor=more.pop("actor", member_actor)
    )


def test_a_new_text_is_a_new_version_and_the_old_one_stays(save, member_actor):
    first, second = save("one"), save("two", note="says two")
    assert (first.number, second.number) == (1, 2)
    assert version_named("say.sh", member_actor) == second
    assert version_named("say.sh@1", member_actor).text == TEXT.format("one")
    assert second.sha256 != first.sha256 and len(second.sha256) == 64


def test_a_text_that_is_there_is_no_new_version(save):
    assert save("one") == save("one", description="now described")
    assert Script.objects.get().description == "now described"


def test_a_description_stays_unless_one_is_given(save):
    save("one", description="says a word")
    save("two")
    assert Script.objects.get().description == "says a word"


def test_only_its_owner_and_curators_change_a_script(save, member_actor, actor, django_user_model):
    save("one")
    stranger = type(member_actor)(user=django_user_model.objects.create_user("otto"), via=member_actor.via)
    with pytest.raises(ForbiddenError, match="belongs to mia"):
        script_save(Draft("say.sh", TEXT.format("two")), actor=stranger)
    with pytest.raises(ForbiddenError):
        script_remove(script=script_named("say.sh", stranger), actor=stranger)
    assert script_save(Draft("say.sh", TEXT.format("two")), actor=actor).number == 2
    assert version_named("say.sh", stranger).number == 2


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("", TEXT, "name"),
        ("../x.sh", TEXT, "name"),
        ("_new", TEXT, "name"),
        ("a" * 64, TEXT, "name"),
        ("x@2", TEXT, "name"),
        ("x.sh", "", "text"),
        ("x.sh", "# kvm-infra-memory: lots\n", "text"),
        ("x.sh", "echo \0\n", "text"),
        ("x.sh", "echo \udcff\n", "text"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(site, actor, name, text, field):
    with pytest.raises(DomainError) as refused:
        script_save(Draft(name, text), actor=actor)
    assert refused.value.field == field
    assert not Script.objects.exists()
    assert AuditEntry.objects.get().outcome.result == "refused"


def test_a_description_of_two_lines_is_refused(site, actor):
    with pytest.raises(DomainError, match="one line"):
        script_save(Draft("x.sh", TEXT, description="two\nlines"), actor=actor)


@pytest.mark.parametrize("reference", ["nothing.sh", "say.sh@3"])
def test_what_is_not_there_is_not_found(save, actor, reference):
    save("one")
    with pytest.raises(NotFoundError):
        version_named(reference, actor)


@pytest.mark.parametrize("number", ["", "0", "x", "１", "9999999999"])
def test_a_version_is_a_plain_number(save, actor, number):
    save("one")
    with pytest.raises(DomainError, match="write a whole number"):
        version_named(f"say.sh@{number}", actor)


def test_a_number_is_given_once(save):
    version = save("one")
    with pytest.raises(IntegrityError), transaction.atomic():
        ScriptVersion.objects.create(script=version.script, number=1, text="x", sha256="0" * 64)


def test_every_change_is_on_record(save, actor):
    save("one", note="first")
    script_remove(script=script_named("say.sh", actor), actor=actor)
    saved, removed = AuditEntry.objects.order_by("pk")
    assert (saved.action, saved.target, saved.params["note"]) == ("save_script", "script:say.sh", "first")
    assert (removed.action, removed.target) == ("remove_script", "script:say.sh")


def test_a_teams_script_is_seen_and_changed_by_its_people_alone(site, actor, member, member_actor):
    team = Team.objects.create(name="ops")
    script_save(Draft("ops.sh", "#!/bin/sh\ntrue\n", team="ops"), actor=actor)
    with pytest.raises(NotFoundError):
        script_named("ops.sh", member_actor)
    seat = Membership.objects.create(team=team, user=member, role=Membership.Role.VIEWER)
    assert script_named("ops.sh", member_actor).team == team
    change = Draft("ops.sh", "#!/bin/sh\nfalse\n")
    with pytest.raises(ForbiddenError):
        script_save(change, actor=member_actor)
    seat.role = Membership.Role.MEMBER
    seat.save()
    assert script_save(change, actor=member_actor).number == 2
    assert script_named("ops.sh", member_actor).team == team, "a new text leaves the team"
    script_save(Draft("ops.sh", "#!/bin/sh\nfalse\n", team="none"), actor=actor)
    assert script_named("ops.sh", member_actor).team is None


def test_a_script_is_kept_for_ones_own_teams_only(site, member_actor):
    Team.objects.create(name="ops")
    with pytest.raises(NotFoundError, match="Team ops not found"):
        script_save(Draft("x.sh", "#!/bin/sh\n", team="ops"), actor=member_actor)
