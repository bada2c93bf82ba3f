"""Findings on the page, in the navigation, live, and in the command language."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clones.survey import site_surveyed
from commands.dispatch import run_command
from commands.service import Caller
from hosts.findings import Kind, Noted, finding_noted, waiting_changed
from hosts.models import Finding
from people.persons import role_set
from tests.cowweb.test_sockets import opened, text

PAGE = "/hosts/findings/"


@pytest.fixture
def waiting(site, db) -> Finding:
    folder = site.COWWEB_CLONES / "0123456789ab"
    folder.mkdir()
    site_surveyed()
    return Finding.objects.get()


@pytest.fixture(autouse=True)
def counted_afresh(db):
    waiting_changed()
    yield
    Finding.objects.all().delete()
    waiting_changed()


def test_an_administrator_sees_and_decides(waiting, client, admin):
    client.force_login(admin)
    page = client.get(PAGE).text
    assert "clones/0123456789ab" in page and "Waiting for a decision" in page and "compared" in page
    assert "1 finding to decide" in client.get("/").text, "the navigation does not say so"
    done = client.post(f"{PAGE}{waiting.pk}/decide/", {"decision": "leave"}, follow=True)
    assert "is not reported again" in done.text and "by admin" in done.text
    assert "finding to decide" not in client.get("/").text


def test_a_refused_decision_is_told_on_the_page(waiting, client, admin):
    client.force_login(admin)
    done = client.post(f"{PAGE}{waiting.pk}/decide/", {"decision": "adopt"}, follow=True)
    assert "is no clone&#x27;s folder" in done.text and "Waiting for a decision" in done.text
    done = client.post(f"{PAGE}{waiting.pk}/decide/", {"decision": "burn"}, follow=True)
    assert "can be decided by" in done.text


def test_who_is_no_auditor_finds_no_such_page_and_no_count(waiting, client, member):
    client.force_login(member)
    assert client.get(PAGE).status_code == 404
    assert "findings" not in client.get("/hosts/").text.lower()
    client.post(f"{PAGE}{waiting.pk}/decide/", {"decision": "remove"})
    client.post(f"{PAGE}compare/")
    waiting.refresh_from_db()
    assert waiting.state == "waiting"


def test_an_auditor_reads_and_does_not_decide(waiting, client, member, actor):
    role_set(user=member, role="auditor", actor=actor)
    client.force_login(member)
    page = client.get(PAGE).text
    assert "0123456789ab" in page and "Leave it" not in page
    done = client.post(f"{PAGE}{waiting.pk}/decide/", {"decision": "leave"}, follow=True)
    assert "Only an administrator" in done.text


def test_the_language_lists_and_decides(waiting, actor, member_actor):
    listed = run_command("list_findings", Caller(actor))
    assert (listed["count"], listed["findings"][0]["subject"]) == (1, "clones/0123456789ab")
    refused = run_command("list_findings", Caller(member_actor))
    assert (refused["success"], refused["code"]) == (False, "forbidden")
    line = f"decide_finding finding={waiting.pk} decision="
    assert run_command(line + "remove", Caller(member_actor))["code"] == "forbidden"
    assert run_command(line + "keep", Caller(actor))["code"] == "invalid"
    assert run_command("decide_finding finding=999999 decision=leave", Caller(actor))["code"] == "not_found"
    done = run_command(line + "remove", Caller(actor))
    assert done["success"] and "deleted" in done["output"]
    assert run_command("list_findings", Caller(actor))["output"] == "The site and its host agree"
    assert run_command("list_findings state=resolved", Caller(actor))["count"] == 1


def test_more_findings_cost_no_more_queries(site, client, admin):
    client.force_login(admin)

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PAGE).status_code == 200
        return len(captured)

    finding_noted(Noted(Kind.FILE, "store/a", "a file"))
    asked()
    one = asked()
    for number in range(30):
        finding_noted(Noted(Kind.FILE, f"store/{number}", "a file"))
    assert asked() == one


def test_a_repair_that_comes_back_is_counted_and_later_is_another(site, db):
    for _ in range(3):
        finding_noted(Noted(Kind.JOB, "job:1", "its process died", "put back", "repaired"))
    assert Finding.objects.get().count == 3
    Finding.objects.update(last_seen=timezone.now() - timedelta(hours=2))
    finding_noted(Noted(Kind.JOB, "job:1", "its process died", "put back", "repaired"))
    assert Finding.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_an_open_page_shows_a_finding_as_it_is_made(site, admin):
    async with opened("/ws/findings/", admin) as socket:
        assert "The site and its host agree" in await text(socket)
        await sync_to_async(finding_noted)(Noted(Kind.FILE, "store/new", "a file of 3 B"))
        async with asyncio.timeout(30):
            while "store/new" not in await text(socket):
                pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_who_is_no_auditor_watches_nothing(site, member):
    async with opened("/ws/findings/", member) as socket:
        assert (await socket.receive_output(timeout=30))["type"] == "websocket.close"
