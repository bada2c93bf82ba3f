"""The pages of leases and the bin: the countdown, one click for more, undo, many at once, the idle ones."""

import re
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from bases.models import BaseImage
from clones.activity_models import Activity
from clones.lease_models import Binned, Lease, LeasePolicy
from clones.lease_terms import terms_for, until
from clones.models import Clone
from clones.pages import PAGE_ROWS, clone_page
from cowweb.wording import moment
from hosts.jobs import queued_ids, work
from people.models import Membership, Team
from tests.clones.conftest import fresh

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
HOUR = timedelta(hours=1)


@pytest.fixture
def page(client, admin):
    client.force_login(admin)

    def get(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 200, path
        return answer.content.decode()

    return get


def near(clone):
    now = timezone.now()
    Lease.objects.filter(clone=clone).update(**until(now + HOUR, now=now))
    Lease.objects.filter(clone=clone).update(warn_at=now - HOUR)


def test_the_row_and_the_header_warn_and_one_click_extends(made, page, client):
    near(made("web"))
    assert re.search(r'status-warn">\s*<svg class="ic ic-hourglass".*?<time', page("/clones/"))
    assert "<b>Its lease ends</b>" in page("/clones/web/")
    assert 'formaction="/clones/web/lease/extend/"' in page("/clones/")
    answer = client.post("/clones/web/lease/extend/", {"next": "/clones/"})
    assert answer.headers["Location"] == "/clones/"
    assert 'formaction="/clones/web/lease/extend/"' not in page("/clones/")
    assert Lease.objects.get().ends_at > timezone.now() + 100 * HOUR
    assert "<b>Its lease ends</b>" not in page("/clones/web/")
    client.post("/clones/web/lease/extend/", {"hours": "many"})
    assert "Hours are a whole number" in page("/clones/web/")


def test_what_is_removed_on_the_page_is_in_the_bin_and_comes_back(made, page, client):
    clone = made("web")
    client.post("/clones/web/remove/")
    assert 'web is being removed. <a href="/clones/_bin/">The bin</a> keeps it for 3 days' in page("/clones/")
    for pk in queued_ids():
        work(pk)
    assert "web" in page("/clones/_bin/")
    assert client.post(f"/clones/_bin/{clone.pk}/undelete/").headers["Location"] == "/clones/web/"
    assert fresh(clone).status == "stopped"
    assert client.post(f"/clones/_bin/{clone.pk}/purge/").status_code == 404


def test_many_at_once_each_with_its_result(made, page, client):
    for name in ("a", "b"):
        near(made(name))
    client.post("/clones/_bulk/", {"action": "extend", "name": ["a", "b", "gone"]})
    said = page("/clones/")
    for words in ("Extended a", "Extended b", "Clone gone not found"):
        assert words in said
    client.post("/clones/_bulk/", {"action": "stop", "name": ["a"]})
    assert "a is stopped; only a running, paused or starting clone can be stopped" in page("/clones/")
    client.post("/clones/_bulk/", {"action": "remove", "name": ["a", "b"]})
    assert set(Clone.objects.values_list("status", flat=True)) == {"removing"}


def test_the_list_shows_what_needs_a_decision(made, page, running):
    made("calm")
    near(made("late"))
    idle, now = running(made("idle")), timezone.now()
    Activity.objects.create(clone=idle, start="x", looked_at=now, active_at=now - 99 * HOUR)
    assert [name for name in ("calm", "late", "idle") if f">{name}</a>" in page("/clones/?show=ending")] == [
        "late"
    ]
    assert [name for name in ("calm", "late", "idle") if f">{name}</a>" in page("/clones/?show=idle")] == [
        "idle"
    ]


def test_a_team_and_a_base_say_on_their_pages_how_long_their_clones_last(demo, made, page, client):
    team = Team.objects.create(name="red")
    assert "7 days" in page("/teams/red/")
    client.post("/teams/red/lease/", {"default": "24", "most": "48"})
    assert 'value="24"' in page("/teams/red/")
    client.post("/bases/demo/lease/", {"default": "", "most": "36"})
    assert 'value="36"' in page("/bases/demo/?tab=settings")
    terms = terms_for(team_id=team.pk, base_id=demo.pk)
    assert (terms.default_hours, terms.most_hours) == (24, 36)
    for wrong, words in (
        ({"default": "many"}, "whole number"),
        ({"default": "9", "most": "8"}, "more than most=8"),
    ):
        client.post("/teams/red/lease/", wrong)
        assert words in page("/teams/red/")
    client.post("/teams/red/lease/", {})
    client.post("/bases/demo/lease/", {})
    assert not LeasePolicy.objects.exists()
    assert "Use the site&#x27;s" not in page("/teams/red/")


def test_members_see_how_long_and_owners_say_it(client, member):
    team = Team.objects.create(name="red")
    place = Membership.objects.create(team=team, user=member, role="member")
    client.force_login(member)
    assert "At most" in client.get("/teams/red/").content.decode()
    assert "Hours at most" not in client.get("/teams/red/").content.decode()
    client.post("/teams/red/lease/", {"default": "24"})
    assert not LeasePolicy.objects.exists()
    Membership.objects.filter(pk=place.pk).update(role="owner")
    client.post("/teams/red/lease/", {"default": "24"})
    assert LeasePolicy.objects.get().default_hours == 24


def test_an_extension_says_until_when(made, client, admin):
    clone = made("web")
    client.force_login(admin)
    said = client.post("/clones/web/lease/extend/", {"hours": "200"}, follow=True).content.decode()
    assert f"web lasts until {moment(Lease.objects.get(clone=clone).ends_at)}" in said


def test_a_full_bin_is_turned_over_a_page_at_a_time(made, client, admin):
    client.force_login(admin)
    one = made("web")
    machine = {"owner": admin, "host": one.host, "revision": one.revision, "memory_mb": 64, "cpus": 1}
    rows = [Clone(name=f"more-{number}", status="binned", **machine) for number in range(2 * PAGE_ROWS)]
    Clone.objects.filter(pk=one.pk).update(status="binned")
    Binned.objects.bulk_create(
        Binned(clone=clone, until=timezone.now() + HOUR, by_name="admin")
        for clone in (one, *Clone.objects.bulk_create(rows))
    )
    first = client.get("/clones/_bin/").content.decode()
    assert first.count('id="binned-') == PAGE_ROWS and "Last page" in first
    last = client.get("/clones/_bin/?page=3").content.decode()
    assert last.count('id="binned-') == 1 and "First page" in last and "web<small>" in last


def test_the_list_is_filtered_by_whose_they_are(made, client, admin, member):
    made("hers"), made("theirs")
    red = Team.objects.create(name="red")
    Clone.objects.filter(name="hers").update(owner=member)
    Clone.objects.filter(name="theirs").update(team=red)
    client.force_login(admin)
    for whose, names in (
        ("me", {"theirs"}),
        ("team:red", {"theirs"}),
        (f"user:{member.username}", {"hers"}),
        ("team:none-such", set()),
        ("", {"hers", "theirs"}),
    ):
        answer = client.get("/clones/", {"whose": whose})
        assert {clone.name for clone in answer.context["clones"]} == names
    nothing = client.get("/clones/", {"whose": "team:none-such"}).content.decode()
    assert '<a class="btn btn-primary" href="/clones/">' in nothing


def test_a_row_in_any_state_asks_for_nothing_more(made, admin, django_assert_num_queries):
    record = {"pid": 1, "started": 1, "boot": "x"}
    machine = {"record": record, "forwards": [[22, 2222]], "way": "live", "moment_ms": 3.0, "ready_ms": 9.0}
    for status in Clone.Status.values:
        clone = made(status)
        Clone.objects.filter(pk=clone.pk).update(status=status, **machine)
        near(clone)
    for query in ({}, {"sort": "lease"}, {"q": "ru"}):
        rows = clone_page(admin, query)
        with django_assert_num_queries(0):
            text = render_to_string("clones/_clone_rows.html", rows)
        assert "ssh -i" in text


def test_a_row_that_changed_is_drawn_anew_at_once(made, running, page, client):
    web = made("web")
    assert "Stopped" in page("/clones/") and "Stopped" in page("/clones/")
    Clone.objects.filter(pk=web.pk).update(disk_bytes=5 << 30)
    assert "5 GiB" in page("/clones/")
    near(web)
    assert 'formaction="/clones/web/lease/extend/"' in page("/clones/")
    Lease.objects.filter(clone=web).delete()
    assert 'formaction="/clones/web/lease/extend/"' not in page("/clones/")
    BaseImage.objects.update(name="renamed")
    assert "/bases/renamed/" in page("/clones/")


def test_the_list_by_lease_ends_with_those_that_last(made, page, monkeypatch):
    names = [f"web-{number}" for number in range(5)]
    now = timezone.now()
    for number, name in enumerate(names):
        ends = until(now + number * HOUR, now=now) if number in (1, 3) else {"ends_at": None, "warn_at": None}
        Lease.objects.filter(clone=made(name)).update(**ends)
    Lease.objects.filter(clone__name="web-0").delete()
    monkeypatch.setattr("clones.pages.PAGE_ROWS", 2)
    order = ["web-1", "web-3", "web-4", "web-2", "web-0"]
    pages = [page(f"/clones/?sort=lease&page={number}") for number in (1, 2, 3)]
    listed = [re.findall(r'name="name" value="(web-\d)"', text) for text in pages]
    assert listed == [order[:2], order[2:4], order[4:]]
    assert 'value="web-4"' in page("/clones/?sort=lease&page=9&q=web-4")
