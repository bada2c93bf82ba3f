"""Clones are lent to a colleague or a team, taken back, and given away; by who may."""

import html
import re

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEntry
from clones.bin import clone_bin
from clones.lending import Whom, clone_share, clone_transfer, clone_unshare
from clones.models import Clone, Share
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.errors import ForbiddenError, NotFoundError
from hosts.jobs import work
from people import rights
from people.models import Membership, Team
from people.rights import OWN, SEE, USE
from tests.clones.conftest import fresh
from tests.people.conftest import actor_for, crowd as crowd_of_each

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
MIA = Whom(user="mia")
crowd = crowd_of_each


@pytest.fixture
def clone(made) -> Clone:
    return made("web")


def test_a_share_opens_it_changes_and_ends(clone, actor, member):
    clone_share(clone=clone, whom=MIA, level="read", actor=actor)
    assert [rights.may(member, level, clone) for level in (SEE, USE)] == [True, False]
    clone_share(clone=clone, whom=MIA, level="use", actor=actor)
    assert [rights.may(member, level, clone) for level in (USE, OWN)] == [True, False]
    clone_unshare(clone=clone, whom=MIA, actor=actor)
    assert not rights.may(member, SEE, clone)


def test_who_uses_it_lends_it_to_nobody_but_may_give_the_share_up(clone, actor, member_actor, member):
    User.objects.create_user("otto")
    clone_share(clone=clone, whom=MIA, level="use", actor=actor)
    for verb in (clone_share, clone_transfer):
        more = {"level": "use"} if verb is clone_share else {}
        with pytest.raises(ForbiddenError):
            verb(clone=clone, whom=Whom(user="otto"), actor=member_actor, **more)
    clone_unshare(clone=clone, whom=MIA, actor=member_actor)
    assert not Share.objects.exists()


def test_a_team_that_one_may_not_see_is_not_there(clone, actor, member, member_actor):
    Team.objects.create(name="red")
    clone = clone_transfer(clone=clone, whom=MIA, actor=actor)
    for name in ("red", "nothing"):
        with pytest.raises(NotFoundError, match=f"Team {name} not found"):
            clone_share(clone=clone, whom=Whom(team=name), level="use", actor=member_actor)


def test_whom_it_is_given_to_owns_it_and_who_gave_it_has_it_no_more(clone, actor, member, member_actor):
    User.objects.create_user("otto")
    team = Team.objects.create(name="red")
    Membership.objects.create(team=team, user=member, role="member")
    given = clone_transfer(clone=clone, whom=MIA, actor=actor)
    given = clone_transfer(clone=given, whom=Whom(team="red"), actor=member_actor)
    assert (given.owner, given.team) == (member, team)
    given = clone_transfer(clone=given, whom=Whom(user="otto"), actor=member_actor)
    assert (given.owner.username, given.team) == ("otto", None)
    assert not rights.may(member, SEE, given)
    assert AuditEntry.objects.filter(action="transfer", outcome__result="done").count() == 3


def test_nobody_brings_a_clone_into_a_team_that_they_only_watch(clone, actor, member, member_actor):
    Membership.objects.create(team=Team.objects.create(name="red"), user=member, role="viewer")
    given = clone_transfer(clone=clone, whom=MIA, actor=actor)
    with pytest.raises(ForbiddenError, match="Only members and owners of red"):
        clone_transfer(clone=given, whom=Whom(team="red"), actor=member_actor)


def test_the_verbs(clone, actor, member):
    do = lambda line: run_command(line, Caller(actor))  # noqa: E731
    assert do("share name=web user=mia level=read")["output"] == "mia may look at web"
    assert do("inspect name=web")["sharedWith"] == ["mia"]
    assert do("unshare name=web user=mia")["output"] == "web is no longer shared with mia"
    assert do("transfer name=web user=mia")["owner"] == "mia"


def test_who_gives_it_away_has_it_no_more_by_any_share(clone, actor, admin, member, member_actor):
    given = clone_transfer(clone=clone, whom=MIA, actor=actor)
    blue, green = (Team.objects.create(name=name) for name in ("blue", "green"))
    Membership.objects.create(team=blue, user=member, role="viewer")
    for whom in (Whom(team="blue"), Whom(team="green")):
        clone_share(clone=given, whom=whom, level="use", actor=actor)
    otto = User.objects.create_user("otto")
    clone_transfer(clone=given, whom=Whom(user="otto"), actor=member_actor)
    assert not Clone.objects.visible_to(member).exists()
    assert Clone.objects.visible_to(otto).exists()
    assert [share.team for share in given.shares.all()] == [green]
    entry = AuditEntry.objects.filter(action="transfer").latest("pk")
    assert entry.outcome.changes["sharedWith"] == [["blue"], []]


def test_the_pages_share_and_give_away(clone, admin, member, client):
    client.force_login(admin)
    client.post("/clones/web/lending/share/", {"user": "mia", "level": "read"})
    assert "look at it" in client.get("/clones/web/?tab=sharing").content.decode()
    client.post("/clones/web/lending/unshare/", {"user": "mia"})
    assert not Share.objects.exists()
    client.post("/clones/web/lending/transfer/", {"user": "mia"})
    assert fresh(clone).owner == member
    client.force_login(member)
    answer = client.post("/clones/web/lending/transfer/", {"user": "admin"})
    assert answer.headers["Location"] == "/clones/"
    assert client.get("/clones/web/").status_code == 404


@pytest.mark.parametrize("verb", ["share", "transfer"])
@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"user": "nobody-x"}, "user", "User nobody-x not found"),
        ({"user": "mia", "team": "red"}, "user", "one of both"),
        ({}, "user", "Name a person or a team"),
        ({"team": "nowhere"}, "team", "Team nowhere not found"),
        ({"user": "admin"}, "user", "web is admin"),
    ],
)
def test_a_refusal_is_told_at_its_field_and_what_was_typed_stays(
    clone, admin, member, client, verb, sent, field, words
):
    client.force_login(admin)
    answer = client.post(f"/clones/web/lending/{verb}/", {**sent, "level": "read"})
    page = answer.content.decode()
    assert answer.status_code == 422
    form = re.search(rf"<form[^>]*lending/{verb}/.*?</form>", page, re.DOTALL)[0]
    at_field = re.search(rf'name="{field}".*?<ul class="errorlist"[^>]*><li>(.*?)</li>', form, re.DOTALL)
    assert words in html.unescape(at_field[1])
    assert f'value="{sent.get("user", "")}"' in form
    assert ('value="read" selected' in form) == (verb == "share")
    assert page.count('class="errorlist"') == 1
    assert '"/clones/web/?tab=audit"' in page


OFFERS = ("Start", "Extend", "Change")


def enabled(page, path):
    """The buttons of a page's content that can be pressed, as a browser sees them."""
    main = re.search(r"<main.*</main>", page.get(path).content.decode(), re.DOTALL)[0]
    main = re.sub(r"<fieldset [^>]*disabled.*?</fieldset>", "", main, flags=re.DOTALL)
    found = re.findall(r"<button(?![^>]*\bdisabled)[^>]*>(.*?)</button>", main, re.DOTALL)
    return {re.sub(r"<[^>]+>", "", text).strip() for text in found}


@pytest.mark.parametrize(
    ("who", "may", "may_not"),
    [
        ("viewer", set(), {*OFFERS, "Remove", "Publish"}),
        ("member", set(OFFERS), {"Remove", "Publish"}),
        ("owner", {*OFFERS, "Remove"}, {"Publish"}),
        ("curator", set(), {*OFFERS, "Remove"}),
        ("administrator", {*OFFERS, "Remove", "Publish"}, set()),
    ],
)
def test_the_page_offers_what_its_reader_may_do(crowd, made, who, may, may_not, client):
    clone = made("web", who=actor_for(crowd.administrator))
    Clone.objects.filter(pk=clone.pk).update(team=crowd.team)
    client.force_login(getattr(crowd, who))
    offered = enabled(client, "/clones/web/")
    assert (offered >= may, offered & may_not) == (True, set())
    page = client.get("/clones/web/").content.decode()
    assert ("You may look at web, and not use it" in page) is (not may)
    moves = ['formaction="/clones/web/start/"' in client.get(path).text for path in ("/clones/", "/")]
    assert moves == [bool(may)] * 2
    assert enabled(client, "/clones/web/?tab=sharing") >= ({"Share web"} if "Remove" in may else set())


def test_the_bin_offers_what_its_reader_may_do(crowd, made, client):
    clone = made("web", who=actor_for(crowd.owner))
    Clone.objects.filter(pk=clone.pk).update(team=crowd.team)
    work(clone_bin(clone=fresh(clone), actor=actor_for(crowd.owner)).job.pk)
    for who, may in (("viewer", set()), ("member", set()), ("owner", {"Restore", "Delete"})):
        client.force_login(getattr(crowd, who))
        assert enabled(client, "/clones/_bin/") == may


def test_who_may_only_look_can_give_the_share_up(clone, actor, member, client):
    clone_share(clone=clone, whom=MIA, level="read", actor=actor)
    client.force_login(member)
    assert "Unshare" in enabled(client, "/clones/web/?tab=sharing")
