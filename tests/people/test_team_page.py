"""A team's page: who is in it, a page at a time, who comes in without a link, and where its machines are."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from people.models import Membership

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def seen(crowd):
    def page(kind: str, path: str = "/teams/red/") -> str:
        client = Client()
        client.force_login(getattr(crowd, kind))
        return client.get(path).content.decode()

    return page


def test_people_of_a_large_team_come_a_page_at_a_time(crowd, seen):
    many = User.objects.bulk_create(User(username=f"zoe-{number:02}", password="!") for number in range(40))
    Membership.objects.bulk_create(Membership(team=crowd.team, user=user, role="member") for user in many)
    assert "zoe-39" not in seen("viewer")
    assert "zoe-39" in seen("viewer", "/teams/red/?page=2")


def test_an_owner_brings_somebody_in_who_has_an_account(crowd, seen):
    assert "somebody who has an account here" not in seen("member")
    assert "somebody who has an account here" in seen("owner")
    client = Client()
    client.force_login(crowd.owner)
    assert client.post("/teams/red/members/", {"user": "other", "role": "viewer"}).status_code == 302
    assert Membership.objects.get(team=crowd.team, user=crowd.other).role == "viewer"
    unknown = client.post("/teams/red/members/", {"user": "nobody-of-this-name", "role": "viewer"})
    assert (unknown.status_code, "User nobody-of-this-name not found" in unknown.content.decode()) == (
        404,
        True,
    )


def test_a_disabled_person_is_marked_and_the_team_leads_to_its_machines(seen):
    assert "status-bad" in seen("viewer") or "Disabled" in seen("viewer")
    assert 'href="/clones/?whose=team:red"' in seen("viewer")
    assert 'href="/people/member/"' not in seen("owner")
    assert 'href="/people/member/"' in seen("administrator")
