"""The audit page: filters, portions, views and exports."""

import csv
import json
from io import StringIO
from urllib.parse import parse_qs, urlparse

import pytest
from django.test import Client

from audit.filters import PAGE_ROWS, entries_for
from audit.models import AuditEntry, AuditOutcome, SavedView, Via
from audit.pages import list_context
from audit.services import Actor, begin, operation
from audit.verify import verified
from people.models import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(admin) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def shown(user, **query):
    return [entry.pk for entry in list_context(user, query)["entries"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"target": "clone:web-3"}, [4]),
        ({"target": "web-1"}, [12, 11, 2]),
        ({"target": "nothing"}, []),
        ({"outcome": "refused"}, [12, 9, 6, 3]),
        ({"outcome": "refused", "target": "web-1"}, [12]),
        ({"outcome": "open"}, [13]),
        ({"actor": "mia"}, [13]),
        ({"via": "web"}, [13]),
        ({"action": "stop"}, [13]),
        ({"since": "2999-01-01"}, []),
        ({"until": "2001-01-01"}, []),
        ({"since": "nonsense", "action": "stop"}, [13]),
    ],
)
def test_filters_find_what_they_say(record, admin, member_actor, query, expected):
    begin(member_actor, "stop", target="clone:other")
    assert shown(admin, **query) == expected


def test_portions_follow_each_other_both_ways(record, admin):
    record(3 * PAGE_ROWS - 12 - 5)
    first = list_context(admin, {})["portion"]
    second = list_context(admin, {"before": str(first.older)})["portion"]
    third = list_context(admin, {"before": str(second.older)})["portion"]
    numbers = [entry.pk for part in (first, second, third) for entry in part.entries]
    assert numbers == list(range(3 * PAGE_ROWS - 5, 0, -1))
    assert (first.newer, third.older) == (None, None)
    back = list_context(admin, {"after": str(third.newer)})["portion"]
    assert [entry.pk for entry in back.entries] == [entry.pk for entry in second.entries]
    front = list_context(admin, {"after": str(back.newer)})["portion"]
    assert [entry.pk for entry in front.entries] == [entry.pk for entry in first.entries]


@pytest.mark.parametrize("place", ["0", "99999999", "-1", "x", "9" * 30, "٣"])
def test_a_place_that_is_none_is_the_newest_page(record, page, place):
    answer = page.get("/audit/", {"before": place})
    assert answer.status_code == 200
    assert answer.context["entries"][0].pk == 12


def test_an_outcomes_portions_follow_each_other(record, admin):
    record(3 * PAGE_ROWS)
    first = list_context(admin, {"outcome": "refused"})["portion"]
    rest = list_context(admin, {"outcome": "refused", "before": str(first.older)})["portion"]
    numbers = [entry.pk for part in (first, rest) for entry in part.entries]
    expected = (
        AuditOutcome.objects.filter(result="refused").order_by("-entry").values_list("entry", flat=True)
    )
    assert numbers == list(expected)


def test_an_auditor_sees_all_and_a_member_their_own(record, member, member_actor, admin):
    with operation(member_actor, "list"):
        pass
    assert shown(member) == [13]
    Person.objects.create(user=member, is_auditor=True)
    member.refresh_from_db()
    assert len(shown(member)) == 13


def test_the_page_says_that_the_chain_was_verified(record, page, guarded):
    assert "was not verified yet" in page.get("/audit/").content.decode()
    verified()
    assert "Chain verified to entry 12" in page.get("/audit/").content.decode()


def test_the_page_says_what_is_wrong(record, page):
    verified()  # without its triggers, as in tests
    assert "The record is not whole: the database no longer guards" in page.get("/audit/").content.decode()


def test_an_edit_shows_before_and_after(actor, page):
    with operation(actor, "edit_base", target="base:demo") as op:
        op.changed(
            {"memory_mb": 64, "os": "", "api_token": "a-canary"},
            {"memory_mb": 128, "os": "", "api_token": "b-canary"},
        )
    assert AuditEntry.objects.get().outcome.changes == {"memory_mb": [64, 128], "api_token": ["…", "…"]}
    html = page.get("/audit/").content.decode()
    assert "<code>64</code>" in html
    assert "<code>128</code>" in html
    assert "canary" not in html


@pytest.mark.parametrize("key", ["password", "API_TOKEN", "client-secret", "Authorization", "parameters"])
def test_secrets_are_left_out(actor, key):
    begin(actor, "clone", params={key: "canary", "deep": {key: "canary"}, "list": [{key: "canary"}]})
    assert "canary" not in json.dumps(AuditEntry.objects.get().params)


def test_who_and_through_what_is_on_record(member):
    begin(Actor(user=member, via=Via.API, token="ci cow_abc", on_behalf_of="team ops"), "list")
    entry = AuditEntry.objects.get()
    assert (entry.token, entry.on_behalf_of) == ("ci cow_abc", "team ops")


def test_a_view_is_kept_for_whoever_saved_it(record, page, admin, member):
    answer = page.post("/audit/views/", {"name": " refused  here ", "outcome": "refused", "page": "3"})
    assert parse_qs(urlparse(answer["Location"]).query) == {"outcome": ["refused"]}
    assert "refused here" in page.get("/audit/").content.decode()
    other = Client()
    other.force_login(member)
    assert "refused here" not in other.get("/audit/").content.decode()
    view = SavedView.objects.get()
    other.post(f"/audit/views/{view.pk}/remove/")
    assert SavedView.objects.count() == 1
    page.post(f"/audit/views/{view.pk}/remove/")
    assert SavedView.objects.count() == 0
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)[12:]) == [
        "save_view",
        "remove_view",
        "remove_view",
    ]


def test_a_view_of_nothing_is_refused(record, page):
    page.post("/audit/views/", {"name": "all"})
    assert SavedView.objects.count() == 0
    assert "There is no filter to save" in page.get("/audit/").content.decode()


def content(page, **query):
    answer = page.get("/audit/export/", query)
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content).decode()


def test_the_filtered_record_goes_along_as_csv(record, page):
    rows = list(csv.DictReader(StringIO(content(page, format="csv", outcome="refused"))))
    assert [row["entry"] for row in rows] == ["12", "9", "6", "3"]
    assert rows[0]["reason"] == "no room"
    assert AuditEntry.objects.latest("pk").action == "export_audit"


def test_the_filtered_record_goes_along_as_json_lines(record, page):
    rows = [json.loads(line) for line in content(page, format="jsonl").splitlines()]
    assert [row["entry"] for row in rows] == list(range(13, 0, -1))
    assert rows[-1]["params"] == {"cpus": 1.0}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(actor, page, text):
    begin(actor, "clone", target=text)
    (row,) = csv.DictReader(StringIO(content(page, format="csv", action="clone"), newline=""))
    assert row["target"] == f"'{text}"


def test_another_format_is_refused(record, page):
    assert page.get("/audit/export/", {"format": "xls"}).status_code == 302
    assert AuditEntry.objects.latest("pk").outcome.result == "refused"


def test_an_export_is_read_in_portions(record, page, admin, monkeypatch):
    monkeypatch.setattr("audit.filters.EXPORT_ROWS", 5)
    assert len(content(page, format="jsonl").splitlines()) == entries_for(admin, {}).count()
