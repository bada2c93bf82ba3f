"""What is said of a live branch before any machine is asked, on every door."""

import pytest

from audit.models import AuditEntry
from clones.models import Clone
from commands.dispatch import run_command
from commands.service import Caller
from tests.clones.conftest import fresh

pytestmark = pytest.mark.slow


@pytest.fixture
def web(made, running):
    return running(made("web"))


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("clone base=demo live=true", "invalid", "write from="),
        ("clone from=web live=true path=cold", "invalid", "leave path out"),
        ("clone from=web live=true no_start=true", "invalid", "leave no_start out"),
        ("clone from=web live=true memory=128M", "invalid", "has its parent's memory, 64"),
        ("clone from=web live=true cpus=2", "invalid", "has its parent's cpus, 1"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_in_words(web, actor, command, code, says):
    Clone.objects.filter(pk=web.pk).update(has_agent=True)
    answer = run_command(command, Caller(actor=actor))
    assert (answer["success"], answer["code"]) == (False, code)
    assert says in answer["error"]
    assert Clone.objects.count() == 1


def test_without_our_agent_it_is_refused_and_the_page_says_why(web, actor, admin, client):
    answer = run_command("clone from=web live=true", Caller(actor=actor))
    assert answer["code"] == "conflict" and "our agent is not in it" in answer["error"]
    entry = AuditEntry.objects.filter(action="clone").latest("pk")
    assert (entry.params["live"], entry.outcome.result) == ("true", "refused")
    client.force_login(admin)
    page = client.get("/clones/web/").text
    assert "Not here: our agent is not in it" in page
    Clone.objects.filter(pk=web.pk).update(has_agent=True)
    assert "The branch goes on from where web is" in client.get("/clones/web/").text


def test_only_what_runs_is_branched(made, actor):
    made("web")
    answer = run_command("clone from=web live=true", Caller(actor=actor))
    assert answer["error"] == "web cannot be branched while it runs: it is stopped, not running"


def test_a_machine_without_a_guest_gives_no_branch_and_runs_on(web, actor, monkeypatch):
    """Nobody in it acknowledges an identity, so nothing is handed out."""
    monkeypatch.setattr("clones.instant.IDENTITY_S", 0.5)
    Clone.objects.filter(pk=web.pk).update(has_agent=True)
    answer = run_command("clone from=web name=child live=true", Caller(actor=actor))
    assert answer["success"] is False and "identity" in answer["error"]
    child = fresh(Clone.objects.get(name="child"))
    assert (child.status, child.folder.exists(), child.moment.exists()) == ("failed", False, False)
    assert child.layer.kept == "live"
    parent = fresh(web)
    assert (parent.status, parent.busy, parent.layer) == ("running", "", child.layer)


def test_the_page_says_how_long_the_parent_stood(web, client, admin):
    Clone.objects.filter(pk=web.pk).update(way="live", pause_ms=12.34, moment_ms=80, ready_ms=0)
    client.force_login(admin)
    page = client.get("/clones/web/").text
    assert "Its parent stood still for 12.3 ms" in page and "ph-moment" in page
