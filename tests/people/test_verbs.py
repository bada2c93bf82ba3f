"""People by command: sessions, disabling, links for passwords; the same services as their pages."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry, Via
from audit.services import Actor
from commands.dispatch import run_command
from commands.service import Caller
from people.models import Visit
from people.tokens import Asked, token_make

pytestmark = pytest.mark.django_db


def said(line, user, **more):
    return run_command(line, Caller(Actor(user=user, via=Via.API, **more)))


@pytest.fixture
def signed_in(crowd):
    client = Client()
    client.post("/accounts/login/", {"username": "member", "password": "a-long-password"})
    assert client.get("/settings/").status_code == 200
    return client


def test_sessions_are_listed_and_ended(crowd, signed_in):
    listed = said("list_sessions", crowd.member)
    assert (listed["count"], listed["sessions"][0]["method"]) == (1, "password")
    assert said("list_sessions user=member", crowd.administrator)["count"] == 1
    ended = said(f"end_session session={listed['sessions'][0]['session']}", crowd.member)
    assert ended["success"]
    assert signed_in.get("/settings/").status_code == 302
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor_name, entry.outcome.result) == ("end_session", "member", "done")


def test_all_sessions_of_a_person_end_at_once(crowd, signed_in):
    Visit.objects.create(user=crowd.member, session_key="elsewhere", seen_at=timezone.now())
    assert said("end_session user=member", crowd.administrator)["count"] == 2
    assert signed_in.get("/settings/").status_code == 302


@pytest.mark.parametrize(
    "line", ["list_sessions user={}", "end_session user={}", "disable_user user={}", "password_link user={}"]
)
def test_to_who_is_no_administrator_every_name_is_as_closed(crowd, line):
    answers = [said(line.format(name), crowd.other) for name in ("member", "nobody-at-all")]
    assert [answer["code"] for answer in answers] == ["forbidden", "forbidden"]
    assert answers[0]["error"] == answers[1]["error"]


def test_another_persons_session_is_not_there(crowd, signed_in):
    number = Visit.objects.get().pk
    assert said(f"end_session session={number}", crowd.other)["code"] == "not_found"
    assert signed_in.get("/settings/").status_code == 200


def test_a_person_is_disabled_and_let_in_again(crowd, signed_in):
    assert said("disable_user user=member", crowd.administrator)["active"] is False
    assert signed_in.get("/settings/").status_code == 302
    again = said("disable_user user=member", crowd.administrator)
    assert (again["code"], "already" in again["error"]) == ("conflict", True)
    assert said("enable_user user=member", crowd.administrator)["active"] is True
    last = said("disable_user user=administrator", crowd.administrator)
    assert "last administrator" in last["error"]


def test_a_link_sets_a_new_password_and_is_not_on_record(crowd):
    made = said("password_link user=member", crowd.administrator)
    assert made["url"].startswith("http")
    path = "/" + made["url"].split("/", 3)[3]
    Client().post(path, {"username": "member", "password": "quite-another-one"})
    assert User.objects.get(pk=crowd.member.pk).check_password("quite-another-one")
    record = json.dumps([[e.params, e.target, e.outcome.reason] for e in AuditEntry.objects.all()])
    assert path.split("/")[-2] not in record


def test_an_administrators_token_administers_only_when_it_is_for_all(crowd):
    maker = Actor(user=crowd.administrator, via=Via.WEB)
    for scope, code in (("use", 403), ("all", 200)):
        _, secret = token_make(Asked(user=crowd.administrator, name=scope, scope=scope), actor=maker)
        answer = Client().post(
            "/api/command/",
            {"command": "disable_user user=member"},
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert answer.status_code == code, answer.json()
    link = said("password_link user=owner", crowd.administrator, scope="all")
    assert link["code"] == "forbidden"
