"""The quota pages: bars, requests and decisions; and what the buttons say before they are pressed."""

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from quotas.models import Raise
from quotas.pages import live_context
from quotas.raises import raises_for
from tests.people.conftest import actor_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def as_user(crowd):
    def signed(kind) -> Client:
        client = Client()
        client.force_login(getattr(crowd, kind))
        return client

    return signed


def text(answer):
    return " ".join(answer.content.decode().split())


def set_limit(as_user, of, quota, limit, who="administrator"):
    return as_user(who).post("/quotas/_set/", {"of": of, "quota": quota, "limit": limit})


def ask(as_user, **changes):
    until = (timezone.localdate() + timedelta(days=3)).isoformat()
    given = {"quota": "clones", "limit": "4", "until": until, "why": "a load test", **changes}
    return as_user("member").post("/quotas/_request/", given)


def test_the_bases_page_says_what_is_left_before_the_click(demo, as_user):
    assert "more clones of demo fit" in text(as_user("member").get("/bases/"))
    set_limit(as_user, "quota:people", "clones", "5")
    set_limit(as_user, "user:member", "memory", "100M")
    for page in ("/bases/", "/bases/demo/", "/clones/"):
        assert "1 of 5 clones, 64 MiB of 100 MiB memory after this" in text(as_user("member").get(page))
    script = {"script": "# kvm-infra-use: demo\n# kvm-infra-memory: 128M\ntrue\n"}
    drawn = text(as_user("member").post("/runs/parse/", script))
    assert "1 of 5 clones, 128 MiB of 100 MiB memory after this" in drawn
    assert "ask for more" in drawn


def test_a_run_is_told_of_its_minutes_and_of_a_full_disk(demo, as_user):
    set_limit(as_user, "user:member", "run_minutes", "5")
    script = {"script": "# kvm-infra-use: demo\n# kvm-infra-timeout: 61\ntrue\n"}
    assert "2 of 5 run minutes this month after this" in text(as_user("member").post("/runs/parse/", script))
    set_limit(as_user, "user:member", "disk", "0")
    drawn = text(as_user("member").get("/bases/"))
    assert "0 of 0 disk after this" in drawn and 'href="/quotas/?ask=disk">ask for more' in drawn
    asked = text(as_user("member").get("/quotas/?ask=disk"))
    assert 'id="ask-more" open' in asked and '<option value="disk" selected>' in asked
    assert 'id="ask-more" open' not in text(as_user("member").get("/quotas/?ask=everything"))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"base": "demo", "count": "3"}, "3 of 5 clones, 192 MiB of 200 MiB memory after this"),
        ({"base": "demo", "memory": "300M"}, "1 of 5 clones, 300 MiB of 200 MiB memory after this"),
        ({"base": "demo", "memory": "lots"}, ""),
        ({"base": "no-such"}, ""),
        ({}, ""),
    ],
)
def test_what_is_left_follows_what_is_typed(demo, as_user, typed, words):
    set_limit(as_user, "quota:people", "clones", "5")
    set_limit(as_user, "user:member", "memory", "200M")
    answer = as_user("member").get("/clones/_after/", typed)
    assert answer.status_code == 200
    assert words in text(answer) if words else text(answer) == ""
    assert ("ask for more" in text(answer)) == (typed.get("memory") == "300M")


def test_who_decides_sees_in_the_rail_that_a_request_waits(as_user, django_capture_on_commit_callbacks):
    set_limit(as_user, "quota:people", "clones", "2")
    badge = "1 request to decide"
    for who in ("owner", "administrator"):
        assert badge not in text(as_user(who).get("/quotas/"))
    with django_capture_on_commit_callbacks(execute=True):
        ask(as_user)
    for who, sees in {"owner": True, "administrator": True, "member": False, "other": False}.items():
        drawn = text(as_user(who).get("/quotas/"))
        assert ((badge in drawn), ("&lt;Raise" in drawn)) == (sees, False)
    with django_capture_on_commit_callbacks(execute=True):
        as_user("owner").post(f"/quotas/requests/{Raise.objects.get().pk}/decide/", {"verb": "approve"})
    assert badge not in text(as_user("owner").get("/quotas/"))


def test_a_refusal_is_shown_at_the_form(demo, as_user):
    set_limit(as_user, "user:member", "clones", "1")
    answer = as_user("member").post("/clones/_create/", {"base": "demo", "count": "2"})
    assert answer.status_code == 422
    assert "Over quota: member uses 0 of 1 clones, and 2 more were asked for" in text(answer)


def test_a_limit_is_set_on_the_page_by_who_may(as_user):
    assert set_limit(as_user, "user:member", "clones", "3").status_code == 302
    assert "of 3" in text(as_user("member").get("/quotas/"))
    assert set_limit(as_user, "user:member", "clones", "2", who="owner").status_code == 302
    assert set_limit(as_user, "user:member", "clones", "2", who="member").status_code == 403
    assert set_limit(as_user, "user:member", "clones", "2", who="other").status_code == 404
    assert set_limit(as_user, "quota:people", "clones", "2", who="owner").status_code == 404
    assert set_limit(as_user, "user:member", "memory", "lots").status_code == 422


def test_a_request_is_made_seen_and_decided(as_user, crowd):
    set_limit(as_user, "user:member", "clones", "2")
    made = ask(as_user)
    request = Raise.objects.get()
    page = f"/quotas/requests/{request.pk}/"
    assert (made.status_code, made.url) == (302, page)
    assert "a load test" in text(as_user("owner").get("/quotas/"))
    assert "Approve 4" in text(as_user("owner").get(page))
    assert "Approve" not in text(as_user("member").get(page))
    for who in ("other", "viewer"):
        assert as_user(who).get(page).status_code == 404
        assert as_user(who).post(f"{page}decide/", {"verb": "approve"}).status_code == 404
    assert as_user("member").post(f"{page}decide/", {"verb": "approve"}).status_code == 403
    assert as_user("owner").post(f"{page}decide/", {"verb": "refuse"}).status_code == 422
    assert as_user("owner").post(f"{page}decide/", {"verb": "approve", "note": "yes"}).status_code == 302
    shown = text(as_user("member").get("/quotas/"))
    assert "raised to the end of" in shown
    assert "of 4" in shown
    assert raises_for(actor_for(crowd.member)).get().note == "yes"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit": "many"}, "is not a limit"),
        ({"until": "2020-01-01"}, "is no day from today"),
        ({"limit": "1"}, "may use 2 already"),
    ],
)
def test_a_request_that_cannot_be_made_says_why_and_keeps_what_was_typed(as_user, changes, words):
    set_limit(as_user, "user:member", "clones", "2")
    answer = ask(as_user, **changes)
    assert answer.status_code == 422
    assert words in text(answer)
    assert 'value="a load test"' in text(answer)


def test_the_live_part_is_the_pages_own(as_user, crowd):
    set_limit(as_user, "user:member", "clones", "2")
    live = render_to_string("quotas/_quota_live.html", {**live_context(crowd.member), "user": crowd.member})
    assert " ".join(live.split()) in text(as_user("member").get("/quotas/"))


@pytest.mark.parametrize("of", ["user:nobody", "user:owner", "team:blue", "quota:people", "x", ":"])
def test_whom_one_may_not_see_is_not_there(as_user, of):
    assert as_user("member").get("/quotas/", {"of": of}).status_code == 404


def test_the_hosts_page_says_how_many_more_fit_and_why_not_more(demo, as_user):
    shown = text(as_user("member").get("/hosts/"))
    assert "How many more fit" in shown
    assert "the site keeps 64 clones at most" in shown or "memory are left" in shown
    assert "Memory promised" in shown
