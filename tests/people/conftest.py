"""A team with a viewer, a member and an owner; people of every role on the site; and who is in none."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User

from audit.models import Via
from audit.services import Actor
from people.models import Membership, Person, Team

SITE = {"curator": {"is_staff": True}, "administrator": {"is_staff": True, "is_superuser": True}}


@pytest.fixture
def crowd(db):
    """One person of each kind, by the kind's name."""
    people = {}
    for kind in ("viewer", "member", "owner", "other", "curator", "auditor", "administrator", "disabled"):
        people[kind] = User.objects.create_user(kind, password="a-long-password", **SITE.get(kind, {}))
    Person.objects.create(user=people["auditor"], is_auditor=True)
    team, others = Team.objects.create(name="red"), Team.objects.create(name="blue")
    for role in Membership.Role.values:
        Membership.objects.create(team=team, user=people[role], role=role)
    Membership.objects.create(team=team, user=people["disabled"], role="owner")
    Membership.objects.create(team=others, user=people["other"], role="owner")
    User.objects.filter(username="disabled").update(is_active=False)
    return SimpleNamespace(**people, team=team, others=others)


def actor_for(user: User) -> Actor:
    return Actor(user=User.objects.get(pk=user.pk), via=Via.WEB)
