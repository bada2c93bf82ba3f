"""Teams by command: made, filled, emptied; roles on the site; invitations. As the pages do it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from cowweb.roles import role_of
from people.models import Invitation, Membership, Team
from tests.people.test_verbs import said

pytestmark = pytest.mark.django_db


def test_a_team_is_made_filled_emptied_and_removed(crowd):
    boss = crowd.administrator
    assert said("create_team name=green description='Builds things'", boss)["success"]
    assert said("set_member team=green user=other place=owner", boss)["success"]
    assert said("set_member team=green user=member place=viewer", crowd.other)["success"]
    assert Membership.objects.get(team__name="green", user=crowd.member).role == "viewer"
    assert said("set_member team=green user=member place=none", crowd.member)["success"]  # leaves by oneself
    listed = {team["name"]: team["people"] for team in said("list_teams", crowd.other)["teams"]}
    assert listed == {"blue": 1, "green": 2}
    assert said("remove_team name=green", boss)["success"]
    assert not Team.objects.filter(name="green").exists()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.outcome.result) == ("remove_team", "done")


def test_a_role_is_given_and_what_is_none_is_refused(crowd):
    assert said("set_role user=member role=curator", crowd.administrator)["success"]
    assert role_of(User.objects.get(username="member")) == "curator"
    refused = said("set_role user=member role=king", crowd.administrator)
    assert (refused["code"], "auditor or administrator" in refused["error"]) == ("invalid", True)


@pytest.mark.parametrize("name", ["other", "no-such-person"])
@pytest.mark.parametrize(
    ("kind", "code"), [("member", "forbidden"), ("viewer", "forbidden"), ("other", "not_found")]
)
def test_who_runs_no_team_cannot_ask_which_names_there_are(crowd, kind, code, name):
    refused = said(f"set_member team=red user={name} place=member", getattr(crowd, kind))
    assert (refused["success"], refused["code"], name in refused["error"]) == (False, code, False)


def test_an_invitation_is_made_by_its_owner_and_leads_to_an_account(crowd):
    made = said("invite team=red place=viewer whom=Nia days=2", crowd.owner)
    path = "/join/" + made["url"].split("/join/")[1]
    assert Client().post(path, {"name": "nia", "password": "a-long-password"}).status_code == 302
    assert Membership.objects.get(user__username="nia").role == "viewer"
    secret = path.split("/")[2]
    assert secret not in repr(list(AuditEntry.objects.values_list()))
    assert said("invite team=red", crowd.member)["code"] == "forbidden"
    assert said("invite", crowd.owner)["code"] == "forbidden"


def offered(user, text):
    client = Client()
    client.force_login(user)
    return client.get("/commands/complete/", {"command": text}).content.decode()


def test_the_palette_finds_teams_one_sees_and_people_for_administrators(crowd):
    for kind, team, person in (
        ("administrator", True, True),
        ("auditor", True, False),
        ("member", True, False),
    ):
        found = offered(getattr(crowd, kind), "red"), offered(getattr(crowd, kind), "membe")
        assert ('href="/teams/red/"' in found[0], 'href="/people/member/"' in found[1]) == (team, person)
    hidden = offered(crowd.other, "red")
    assert "/teams/red/" not in hidden and "Nothing here has this name" in hidden
    assert ">member<" in offered(crowd.administrator, "disable_user user=me")
    assert ">member<" not in offered(crowd.other, "share name=web user=me")
    assert ">red<" in offered(crowd.owner, "invite team=r")
    assert ">red<" not in offered(crowd.other, "transfer name=web team=r")


@pytest.mark.parametrize("scope", ["read", "use"])
@pytest.mark.parametrize("line", ["set_member team=red user=other place=owner", "invite team=red"])
def test_a_token_for_clones_brings_nobody_in(crowd, scope, line):
    refused = said(line, crowd.owner, scope=scope)
    assert (refused["success"], refused["code"]) == (False, "forbidden")
    assert not Membership.objects.filter(team=crowd.team, user=crowd.other).exists()
    assert not Invitation.objects.exists()
