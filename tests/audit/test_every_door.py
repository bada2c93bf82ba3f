"""Every command leaves exactly one entry, whichever door it came through and however it ended."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from audit.models import AuditEntry
from commands.dispatch import VERBS, run_command
from commands.service import Caller
from commands.verbs import TABLE
from people.tokens import Asked, token_make

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
GIVEN = {
    "name": "nothing",
    "vm": "nothing",
    "base": "nothing",
    "script": "nothing",
    "as": "nothing-2",
    "disk": "nothing.qcow2",
    "file": "nothing.sh",
    "local": "nothing",
    "remote": "/nothing",
    "run": "4711",
    "copy": "4711",
    "link": "4711",
    "port": "80",
    "snapshot_name": "nothing",
    "command": "true",
    "egress_ports": "none",
    "alias": "next",
    "finding": "4711",
    "decision": "leave",
    "for": "nothing",
    "import": "4711",
    "quota": "clones",
    "limit": "2",
    "request": "4711",
    "until": "2099-01-01",
    "why": "because",
    "note": "no",
    "url": "http://nothing.invalid/x.qcow2",
    "user": "nobody-here",
    "team": "nothing",
    "place": "member",
    "role": "curator",
    "session": "4711",
    "template": "4711",
}
LINES = {
    verb.name: " ".join(
        [verb.name, *(f"{key.name}={GIVEN[key.name]}" for key in (*verb.either[:1], *verb.required))]
    )
    for verb in TABLE
}
BAD = ["", "fly", "clone", "clone base=", "clone base=demo base=demo", "stop name=x stray", "clone base='x"]


def entries_of(work):
    """The entries that some work leaves; each has its outcome."""
    before = AuditEntry.objects.count()
    work()
    new = list(AuditEntry.objects.select_related("outcome").order_by("pk")[before:])
    assert all(hasattr(entry, "outcome") for entry in new)
    return new


def doors_of(lines, through):
    """By line, through which doors its entries came: exactly one each."""
    return {line: [entry.via for entry in entries_of(lambda line=line: through(line))] for line in lines}


def each(lines, door):
    return {line: [door] for line in lines}


@pytest.fixture
def web(demo, actor):
    assert run_command("clone base=demo name=web no_start=true", Caller(actor))["success"]


@pytest.fixture
def browser(admin) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_the_table_of_verbs_is_all_there_is():
    assert set(LINES) >= set(VERBS)


ALL = [*LINES.values(), *BAD]


def test_the_command_bar(demo, browser):
    assert doors_of(ALL, lambda line: browser.post("/commands/run/", {"command": line})) == each(ALL, "web")


def test_the_api(demo, browser):
    def through(line):
        browser.post("/api/command/", {"command": line}, content_type="application/json")

    assert doors_of(ALL, through) == each(ALL, "api")


def test_the_shell(demo):
    def through(line):
        with pytest.raises(SystemExit):
            call_command("cow", line, stdout=StringIO(), stderr=StringIO())

    assert doors_of(ALL, through) == each(ALL, "shell")


def by_token(secret, line):
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().post("/api/command/", {"command": line}, content_type="application/json", headers=headers)


def test_a_token_that_only_reads(demo, actor, admin):
    _, secret = token_make(Asked(user=admin, name="ci", scope="read"), actor=actor)
    for line in ALL:
        (entry,) = entries_of(lambda line=line: by_token(secret, line))
        assert entry.token.startswith("ci cow_")
        assert secret not in json.dumps([entry.token, entry.agent, entry.params])


# what each page's buttons and forms send; `web` is a stopped clone
PAGES = {
    "/clones/_create/": {"base": "nothing", "name": "new"},
    "/clones/web/stop/": {},
    "/clones/web/pause/": {},
    "/clones/web/resume/": {},
    "/clones/web/restart/": {},
    "/clones/web/snapshots/": {"name": "first"},
    "/clones/web/network/egress/": {"reach": "none"},
    "/clones/web/network/forward/": {"port": "80"},
    "/clones/web/reset/": {},
    "/clones/web/promote/": {"as": "made"},
    "/clones/web/rebase/": {"to": "9"},
    "/clones/web/cancel-task/": {},
    "/people/_team/": {"name": "team-1", "description": ""},
    "/people/mia/role/": {"role": "curator"},
    "/people/mia/active/": {"active": "false"},
    "/people/mia/tokens/_make/": {"name": "ci", "scope": "read", "days": "30"},
    "/audit/views/": {"name": "x"},
    "/audit/views/9/remove/": {},
}


def test_the_pages(web, member, browser):
    found = doors_of(PAGES, lambda path: browser.post(path, PAGES[path]))
    assert found == each(PAGES, "web")


@pytest.mark.parametrize("body", ["", "[]", "nonsense", '{"command": 5}'])
def test_a_body_that_is_no_command(browser, body):
    (entry,) = entries_of(lambda: browser.post("/api/command/", body, content_type="application/json"))
    assert entry.outcome.result == "refused"


def test_a_token_that_opens_nothing(demo):
    (entry,) = entries_of(lambda: by_token("cow_canary", "list"))
    assert (entry.actor_name, entry.action, entry.outcome.result) == ("(nobody)", "sign_in", "refused")
    assert "canary" not in json.dumps([entry.token, entry.agent, entry.params, entry.target])


def test_the_shell_says_who_typed_for_whom(demo, member):
    with pytest.raises(SystemExit):
        call_command("cow", "list", "--as", "mia", stdout=StringIO(), stderr=StringIO())
    entry = AuditEntry.objects.latest("pk")
    assert entry.actor_name == "mia"
    assert entry.on_behalf_of


@pytest.mark.parametrize("action", ["mark_deprecated", "mark_ready", "verify_digest"])
def test_actions_of_the_admin(demo, browser, action):
    form = {"action": action, "_selected_action": [str(demo.pk)], "index": "0"}
    assert len(entries_of(lambda: browser.post("/admin/bases/baseimage/", form))) == 1
