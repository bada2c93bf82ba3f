"""The shell and the API: two doors to the same commands."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from audit.models import AuditEntry

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def shell(line, *options):
    """What `manage.py cow` printed on stdout and stderr, and its exit status."""
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("cow", line, *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue(), left.value.code


def test_the_shell_prints_the_sentence_and_exits_0(demo):
    assert shell("list_bases") == ("1 base image: demo\n", "", 0)
    assert AuditEntry.objects.order_by("-pk")[0].via == "shell"


def test_the_shell_prints_a_refusal_on_stderr_and_exits_1(demo):
    assert shell("clone base=x") == ("", "Base image x not found\n", 1)


def test_with_json_the_object_is_printed_refused_or_not(demo):
    out, err, status = shell("clone base=x", "--json")
    assert (json.loads(out)["code"], err, status) == ("not_found", "", 1)
    out, _, status = shell("list_bases", "--json")
    assert (json.loads(out)["count"], status) == (1, 0)


def test_the_shell_acts_as_who_is_named(demo, member):
    for disk in (
        "disk.qcow2",
        "no.qcow2",
        __file__,
    ):  # one who may not learns nothing of files, and brings none
        assert "Only a curator" in shell(f"register_base name=x disk={disk}", "--as", "mia")[1]
    assert AuditEntry.objects.order_by("-pk")[0].actor_name == "mia"
    assert shell("list", "--as", "nobody") == ("", "User nobody not found\n", 1)


@pytest.fixture
def browser(admin) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    client.get("/")
    return client


def ask(client, body, **headers):
    return client.post("/api/command/", body, content_type="application/json", headers=headers)


def with_token(client):
    return {"X-CSRFToken": client.cookies["csrftoken"].value}


def test_the_api_answers_with_the_object(demo, browser):
    answer = ask(browser, {"command": "list_bases"}, **with_token(browser))
    assert (answer.status_code, answer.json()["count"]) == (200, 1)
    assert AuditEntry.objects.order_by("-pk")[0].via == "api"


def test_the_api_wants_the_token(demo, browser):
    assert ask(browser, {"command": "list_bases"}).status_code == 403
    assert AuditEntry.objects.filter(action="list_bases").count() == 0


def test_the_api_wants_someone_signed_in(demo):
    answer = ask(Client(), {"command": "list_bases"})
    assert answer.status_code in (302, 401, 403)
    assert AuditEntry.objects.filter(action="list_bases").count() == 0


@pytest.mark.parametrize("body", ["", "[]", "{}", "nonsense", '{"command": 5}', '"list"', "\xff"])
def test_what_is_no_command_is_answered_in_json(browser, body):
    answer = ask(browser, body, **with_token(browser))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    ("line", "status"),
    [("clone base=x", 404), ("fly", 422), ("clone base=demo memory=9000G", 409), ("stop name=x", 404)],
)
def test_a_refusal_has_a_status_of_its_own(demo, browser, line, status):
    answer = ask(browser, {"command": line}, **with_token(browser))
    assert (answer.status_code, answer.json()["success"]) == (status, False)


def test_the_api_takes_posts_only(browser):
    assert browser.get("/api/command/").status_code == 405
