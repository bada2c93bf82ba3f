"""The same in the command language: what is left, limits, requests and decisions."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from commands.dispatch import run_command
from commands.service import Caller
from tests.people.conftest import actor_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def say(crowd):
    def command(who, line):
        result = run_command(line, Caller(actor_for(getattr(crowd, who)), waits=False))
        json.dumps(result)
        return result

    return command


def soon():
    return (timezone.localdate() + timedelta(days=3)).isoformat()


def test_what_is_left_is_said_to_who_asks(demo, say):
    assert say("member", "quota")["output"] == "member: no limit on anything"
    assert say("administrator", "set_quota default_of=people quota=clones limit=3")["success"]
    assert say("administrator", "set_quota user=member quota=memory limit=1G")["success"]
    assert say("member", "clone base=demo name=a")["success"]
    result = say("member", "quota")
    assert result["output"] == "member: 1 of 3 clones, 64 MiB of 1 GiB memory"
    line = next(line for line in result["quotas"] if line["name"] == "memory")
    assert line == {
        "name": "memory",
        "used": 64,
        "limit": 1024,
        "unit": "MiB",
        "isDefault": False,
        "raisedUntil": None,
    }
    assert say("owner", "quota user=member")["success"]
    hidden, missing = say("other", "quota user=member"), say("other", "quota user=nobody")
    assert hidden["code"] == missing["code"] == "not_found"
    assert hidden["output"].replace("member", "nobody") == missing["output"]


def test_a_refused_clone_says_which_quota_in_its_object(demo, say):
    say("administrator", "set_quota user=member quota=clones limit=1")
    result = say("member", "clone base=demo count=2")
    assert (result["success"], result["code"]) == (False, "quota")
    asked = {"name": "clones", "of": "user:member", "used": 0, "limit": 1, "asked": 2}
    assert result["quota"] == asked
    assert result["output"].startswith("Over quota: member uses 0 of 1 clones, and 2 more were asked for")


def test_a_request_goes_from_who_asks_to_who_decides(demo, say):
    say("administrator", "set_quota default_of=people quota=clones limit=1")
    made = say("member", f"request_quota quota=clones limit=2 until={soon()} why='two versions'")
    assert made["state"] == "asked"
    assert say("owner", "list_requests")["requests"][0]["why"] == "two versions"
    assert say("other", "list_requests")["count"] == 0
    assert say("other", f"approve request={made['request']}")["code"] == "not_found"
    assert say("member", f"approve request={made['request']}")["code"] == "forbidden"
    assert say("owner", f"approve request={made['request']} note='for the week'")["state"] == "approved"
    assert say("member", "clone base=demo count=2")["success"]
    assert say("owner", f"refuse request={made['request']} note='done'")["state"] == "ended"
    last = AuditEntry.objects.filter(action="set_quota").latest("pk")
    assert (last.target, last.params["limit"]) == ("quota:people", "1")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("request_quota quota=clones limit=9 until=2020-01-01 why=x", "is no day from today"),
        ("request_quota quota=clones limit=9 until=tomorrow why=x", "write it as 2026-12-24"),
        ("request_quota quota=clones limit=9G until={} why=x", "write a whole number from 0"),
        ("request_quota quota=memory limit=lots until={} why=x", "write 512M, 2G"),
        ("request_quota quota=color limit=9 until={} why=x", "is not known here"),
        ("request_quota quota=clones limit=9 until={} why=x team=blue", "Team blue not found"),
        ("request_quota quota=clones limit=9 until={} why=x", "member has no limit: clones"),
        ("set_quota quota=clones limit=2", "set_quota requires user parameter"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(say, line, words):
    result = say("member", line.format(soon()))
    assert not result["success"]
    assert words in result["output"]


def test_everyone_lists_what_they_may_see(say):
    names = {
        who: {one["of"] for one in say(who, "list_quotas")["quotas"]}
        for who in ("member", "owner", "other", "administrator")
    }
    assert names["member"] == {"user:member", "team:red"}
    assert names["owner"] == {"user:owner", "team:red", "user:member"}
    assert names["other"] == {"user:other", "team:blue"}
    assert {"user:member", "team:red", "team:blue", "user:other"} <= names["administrator"]
