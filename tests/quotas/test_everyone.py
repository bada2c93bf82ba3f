"""Who decides finds people and teams a page at a time, and by name; everyone else their own."""

import pytest
from django.contrib.auth.models import User

from people.models import Team
from quotas.pages import PAGE_ROWS
from quotas.standing import accounts_seen, holders_seen

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(crowd):
    User.objects.bulk_create(User(username=f"person-{number:02}") for number in range(PAGE_ROWS))
    Team.objects.bulk_create(Team(name=f"team-{number:02}") for number in range(3))
    return crowd


def shown(client, query: str) -> str:
    page = client.get(f"/quotas/{query}").content.decode()
    return page[page.index('id="everyone"') :]


def test_an_administrator_pages_through_everyone_and_finds_by_name(many, client):
    client.force_login(many.administrator)
    first, second = shown(client, ""), shown(client, "?page=2")
    assert "of=user%3Aadministrator" in first and "of=team%3Ateam-02" not in first
    assert "of=team%3Ateam-02" in second and "of=user%3Aadministrator" not in second
    found = shown(client, "?q=son-07")
    assert "of=user%3Aperson-07" in found and "person-08" not in found
    assert "Nobody of this name" in shown(client, "?q=zebra")


def test_an_owner_finds_themselves_their_people_and_their_team_alone(many, client):
    client.force_login(many.owner)
    assert {account.target for account in accounts_seen(many.owner)} == {
        *("user:owner", "user:member", "team:red")
    }
    assert "person-07" not in shown(client, "?q=person")
    assert holders_seen(many.owner, "mem") == [("user", many.member.pk)]
