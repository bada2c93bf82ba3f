"""What lets someone in: invitations for people, tokens for programs; and disabling ends it at once."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from people.models import Invitation, Membership, Token
from people.tokens import Asked, token_make
from tests.people.conftest import actor_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
LINK = re.compile(r"/join/[\w-]+/")


@pytest.fixture
def as_user(crowd):
    def signed(kind) -> Client:
        client = Client()
        client.force_login(getattr(crowd, kind))
        return client

    return signed


@pytest.fixture
def link(as_user) -> str:
    answer = as_user("owner").post("/teams/red/invite/", {"whom": "Nia", "role": "member", "days": 3})
    assert answer.status_code == 200
    return LINK.search(answer.content.decode())[0]


def accept(link, name="nia", password="a-long-password"):
    client = Client()
    return client, client.post(link, {"name": name, "password": password, "full_name": "Nia N."})


def test_an_invitation_leads_to_an_account_signed_in_and_in_the_team(link):
    assert Client().get(link).status_code == 200
    client, answer = accept(link)
    assert (answer.status_code, answer.url) == (302, "/")
    assert client.get("/teams/red/").status_code == 200
    nia = User.objects.get(username="nia")
    assert Membership.objects.get(user=nia).role == "member"
    assert nia.person.default_team.name == "red"
    entry = AuditEntry.objects.get(action="accept_invitation")
    assert (entry.actor_name, entry.outcome.result) == ("nia", "done")


def test_an_invitation_is_good_once(link):
    accept(link)
    _, answer = accept(link, name="second")
    assert answer.status_code == 404
    assert "Ask for a new one" in answer.content.decode()
    assert not User.objects.filter(username="second").exists()


@pytest.mark.parametrize("field", ["expires_at", "withdrawn_at"])
def test_an_invitation_that_ended_makes_no_account(link, field):
    Invitation.objects.update(**{field: timezone.now()})
    assert Client().get(link).status_code == 404
    assert accept(link)[1].status_code == 404
    assert not User.objects.filter(username="nia").exists()


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("owner", "a-long-password", "There is a user owner already"),
        ("a b", "a-long-password", "is not a user name"),
        ("nia", "short", "too short"),
        ("nia", "password", "too common"),
        ("administratrix", "administratrix-1", "too similar"),
        ("OWNER", "a-long-password", "There is a user OWNER already"),
        ("\N{MATHEMATICAL BOLD SMALL O}wner", "a-long-password", "There is a user owner already"),
        ("_team", "a-long-password", "begin with a letter or a digit"),
        ("..", "a-long-password", "begin with a letter or a digit"),
        ("cowweb", "a-long-password", "the site itself in the record"),
    ],
)
def test_a_refused_account_leaves_the_invitation_open(link, name, password, words):
    before = User.objects.count()
    _, answer = accept(link, name, password)
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert User.objects.count() == before
    assert Invitation.objects.open().count() == 1


def test_the_secret_of_an_invitation_is_kept_nowhere(link):
    secret = link.split("/")[2]
    rows = [*Invitation.objects.values_list(), *AuditEntry.objects.values_list()]
    assert secret not in repr(rows)


def test_who_has_an_account_joins_with_it(link, as_user):
    answer = as_user("other").post(link)
    assert answer.url == "/teams/red/"
    assert Membership.objects.get(user__username="other", team__name="red").role == "member"


@pytest.mark.parametrize("kind", ["viewer", "member"])
def test_only_owners_invite(as_user, kind):
    answer = as_user(kind).post("/teams/red/invite/", {"role": "owner", "days": 3})
    assert answer.status_code == 403
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("days", [0, 91])
def test_an_invitation_lasts_from_1_to_90_days(as_user, days):
    answer = as_user("owner").post("/teams/red/invite/", {"role": "member", "days": days})
    assert f"days={days} is not from 1 to 90" in answer.content.decode()


def test_the_last_owner_stays(as_user, crowd):
    Membership.objects.filter(user=crowd.disabled).delete()
    for role in ("none", "viewer"):
        answer = as_user("owner").post("/teams/red/members/", {"user": "owner", "role": role})
        assert "the last owner" in answer.content.decode()
    assert Membership.objects.get(user=crowd.owner).role == "owner"


def test_the_last_administrator_stays(as_user):
    answer = as_user("administrator").post("/people/administrator/role/", {"role": "member"})
    assert "the last administrator" in answer.content.decode()
    assert as_user("administrator").post("/people/administrator/active/").status_code == 422


def ask(secret, line, client=None):
    return (client or Client()).post(
        "/api/command/",
        json.dumps({"command": line}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )


def make(user, **asked):
    return token_make(Asked(user=user, name="ci", **asked), actor=actor_for(user))


def test_a_token_carries_out_commands_as_its_account(crowd, demo):
    token, secret = make(crowd.member)
    answer = ask(secret, "list_bases", Client(enforce_csrf_checks=True))
    assert (answer.status_code, answer.json()["count"]) == (200, 1)
    entry = AuditEntry.objects.order_by("-pk").first()
    assert (entry.actor_name, entry.via) == ("member", "api")
    assert entry.agent.startswith("token ci")
    token.refresh_from_db()
    assert token.used_from == "127.0.0.1"


def test_a_tokens_secret_is_kept_nowhere(crowd):
    _, secret = make(crowd.member)
    assert secret not in repr([*Token.objects.values_list(), *AuditEntry.objects.values_list()])


def test_a_token_is_for_the_api_alone(crowd):
    _, secret = make(crowd.administrator, scope="all")
    for path in ("/", "/clones/", "/admin/", "/settings/"):
        assert Client().get(path, headers={"Authorization": f"Bearer {secret}"}).status_code == 302


@pytest.mark.parametrize("ended", ["revoked", "expired", "disabled", "unknown"])
def test_a_token_that_ended_opens_nothing(crowd, ended):
    _, secret = make(crowd.member)
    fields = {"revoked": "revoked_at", "expired": "expires_at"}
    if ended in fields:
        Token.objects.update(**{fields[ended]: timezone.now()})
    User.objects.filter(pk=crowd.member.pk).update(is_active=ended != "disabled")
    answer = ask("cow_x" if ended == "unknown" else secret, "list")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_tokens_that_open_nothing_are_counted_up_and_then_not_answered(crowd, settings):
    """A flood of them is a handful of entries, and holds up nobody who has a good one."""
    settings.COWWEB_SIGN_IN_TRIES_ADDRESS = 20
    _, good = make(crowd.member)
    before = AuditEntry.objects.count()
    statuses = [ask(f"cow_{number}", "list").status_code for number in range(120)]
    assert statuses == [401] * 20 + [429] * 100
    entries = AuditEntry.objects.order_by("pk")[before:]
    assert [entry.params["tries"] for entry in entries] == [1, 10, 100]
    assert {entry.outcome.result for entry in entries} == {"refused"}
    late = ask("cow_late", "list")
    assert 0 < int(late["Retry-After"]) <= 900
    assert ask(good, "list").status_code == 200
    elsewhere = Client().get("/api/command/", headers={"Authorization": "Bearer x"}, REMOTE_ADDR="192.0.2.8")
    assert elsewhere.status_code == 401


def test_a_reading_token_changes_nothing(crowd, demo):
    _, secret = make(crowd.member, scope="read")
    assert ask(secret, "list").json()["success"]
    answer = ask(secret, "clone base=demo no_start=true")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_using_token_of_a_curator_does_not_curate(crowd, demo):
    answers = [
        ask(make(crowd.curator, scope=scope)[1], "register_base name=x disk=disk.qcow2")
        for scope in ("use", "all")
    ]
    assert [answer.json()["success"] for answer in answers] == [False, True]


ADMINISTERS = [
    "set_quota user=member quota=clones limit=2",
    "lease team=red default=24 most=48",
    "disable_user user=member",
]


@pytest.mark.parametrize("line", ADMINISTERS)
def test_a_using_token_of_an_administrator_does_not_administer(crowd, demo, line):
    answers = [ask(make(crowd.administrator, scope=scope)[1], line).json() for scope in ("use", "all")]
    assert [answer["success"] for answer in answers] == [False, True], answers


def test_a_program_is_made_and_spoken_for_by_the_teams_owner(as_user, crowd, demo):
    as_user("owner").post("/teams/red/programs/", {"name": "red-ci"})
    program = User.objects.get(username="red-ci")
    assert not program.has_usable_password()
    made = as_user("owner").post("/people/red-ci/tokens/_make/", {"name": "ci", "scope": "use", "days": "30"})
    secret = re.search(r'<code class="secret">(cow_[\w-]+)<', made.content.decode())[1]
    assert ask(secret, "clone base=demo name=built no_start=true").json()["success"]
    for kind in ("member", "other"):
        assert as_user(kind).get("/people/red-ci/tokens/").status_code == 404
    revoke = f"/people/_tokens/{Token.objects.get().pk}/revoke/"
    assert as_user("other").post(revoke).status_code == 404
    assert as_user("owner").post(revoke).status_code == 302
    assert ask(secret, "list").status_code == 401


def test_disabling_signs_out_at_once(as_user, crowd):
    client = as_user("member")
    assert client.get("/clones/").status_code == 200
    assert as_user("administrator").post("/people/member/active/").status_code == 302
    assert client.get("/clones/").status_code == 302
    as_user("administrator").post("/people/member/active/", {"enable": "1"})
    User.objects.get(username="member", is_active=True)


def test_settings_are_ones_own(as_user, crowd):
    answer = as_user("member").post("/settings/", {"full_name": "Mem Ber", "email": "m@x.org", "team": "red"})
    assert answer.status_code == 302
    member = User.objects.get(username="member")
    assert (member.first_name, member.email, member.person.default_team.name) == ("Mem Ber", "m@x.org", "red")
    refused = as_user("viewer").post("/settings/", {"team": "red"})
    assert (refused.status_code, "Only members and owners" in refused.content.decode()) == (422, True)


def test_everyone_is_found_page_by_page_and_by_name(as_user):
    User.objects.bulk_create(User(username=f"zz-{number:03}") for number in range(60))
    first = as_user("administrator").get("/people/").content.decode()
    assert "of 68" in first and "zz-059" not in first
    assert "zz-059" in as_user("administrator").get("/people/?page=3").content.decode()
    found = as_user("administrator").get("/people/?q=zz-059").content.decode()
    assert "zz-059" in found and "zz-001" not in found
