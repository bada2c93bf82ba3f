"""A filtered page looks among so many entries and no further, and misses none when it is asked to go on."""

from dataclasses import replace
from itertools import combinations

import pytest
from django.test import Client
from django.utils import timezone

from audit import looking
from audit.filters import entries_for
from audit.looking import looked
from audit.models import Via
from audit.services import begin, operation
from cowweb.errors import DomainError

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
ONE = {
    "actor": "mia",
    "action": "stop",
    "target": "web-1",
    "outcome": "refused",
    "via": "api",
    "since": timezone.now().date().isoformat(),
    "until": timezone.now().date().isoformat(),
}
ASKED = [{name: ONE[name] for name in names} for count in (1, 2, 3) for names in combinations(ONE, count)]


@pytest.fixture
def long(site, actor, member_actor):
    """Sixty commands of two people, of three kinds, through two doors, on twenty clones."""
    for number in range(60):
        who = actor if number % 2 else replace(member_actor, via=Via.API if number % 3 else Via.WEB)
        action, target = ("start", "stop", "list")[number // 4 % 3], f"clone:web-{number % 20}"
        if number % 7 == 6:
            begin(who, action, target=target)  # under way
            continue
        try:
            with operation(who, action, target=target):
                if number % 5 == 4:
                    raise DomainError("no room")
        except DomainError:
            pass


@pytest.fixture
def short_sighted(monkeypatch):
    monkeypatch.setattr(looking, "FEW", 2)
    monkeypatch.setattr(looking, "REACH", 5)
    monkeypatch.setattr(looking, "MOST_REACH", 15)


def all_pages(user, query):
    """What whoever follows the links sees, page after page, and on how many pages."""
    numbers, more = [], {}
    for page in range(1, 30):
        found = looked(user, {**query, **more})
        numbers += [entry.pk for entry in found.entries]
        if found.older:
            more = {"before": str(found.older)}
        elif found.floor:
            more = {"before": str(found.floor.pk), "reach": str(found.floor.reach)}
        else:
            return numbers, page
    raise AssertionError("it never ends")


def test_nothing_is_missed_and_nothing_shown_twice(long, short_sighted, admin, member, subtests):
    for query in (*ASKED, {}, {"outcome": "open"}, {"outcome": "open", "via": "api"}):
        for user in (admin, member):
            with subtests.test(user=user.username, **query):
                expected = entries_for(user, query).order_by("-at", "-pk").values_list("pk", flat=True)
                assert all_pages(user, query)[0] == list(expected)


def test_one_filter_is_read_to_the_beginning_and_two_as_far_as_the_reach(long, short_sighted, admin):
    for query in ({}, {"via": "web"}, {"outcome": "done"}, {"actor": "mia", "action": "stop"}):
        assert looked(admin, query).floor is None
    assert looked(admin, {"actor": "mia", "via": "web"}).floor.pk == 60 - 5
    assert all_pages(admin, {"actor": "mia", "via": "web"})[1] > 3


def test_what_few_have_is_found_however_long_ago(long, short_sighted, admin, actor):
    for _ in range(3):
        begin(actor, "promote", target="base:rare")
    asked = {"target": "base:rare", "via": "shell"}
    assert looked(admin, asked).floor is not None
    looking.FEW = 3
    found = looked(admin, asked)
    assert (len(found.entries), found.floor) == (3, None)


def test_the_page_says_to_when_it_looked_and_leads_on(long, short_sighted, admin):
    client = Client()
    client.force_login(admin)
    page = client.get("/audit/", {"actor": "mia", "via": "shell"})
    html = page.content.decode()
    assert "Looked back to" in html
    assert "before=55&amp;reach=10" in html
    none = client.get("/audit/", {"outcome": "failed", "actor": "mia", "via": "shell"}).content.decode()
    assert "None as far back as was looked" in none and "No entry matches" not in none
    last = client.get("/audit/", {"actor": "mia", "via": "shell", "before": "10", "reach": "15"})
    assert "Looked back to" not in last.content.decode()


@pytest.mark.parametrize("reach", ["-1", "x", "99999999999", "0"])
def test_a_reach_that_is_none_is_kept_in_bounds(long, short_sighted, admin, reach):
    floor = looked(admin, {"actor": "mia", "via": "shell", "reach": reach}).floor
    assert floor.pk in (60 - 5, 60 - 15)
