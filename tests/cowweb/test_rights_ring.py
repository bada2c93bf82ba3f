"""Whoever loses a right loses what is open by it within a second, also when a shell took the right away."""

import time

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from audit.models import Via
from audit.services import Actor
from clones.lending import Whom, clone_share, clone_transfer, clone_unshare
from cowweb import live, sockets
from cowweb.roles import Role
from people.models import Membership, Person, Team, Visit
from people.passwords import password_set
from people.persons import active_set, role_set
from people.teams import member_remove, member_set
from people.visits import visits_ended
from tests.cowweb.test_sockets import clone, close_code, opened, text  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]
WITHIN_S = 1.0


@pytest.fixture
def shared(clone, member, actor):  # noqa: F811
    clone_share(clone=clone, whom=Whom(user="mia"), level="use", actor=actor)
    return clone


@pytest.fixture
def in_team(clone, member, actor):  # noqa: F811
    team = Team.objects.create(name="red")
    Membership.objects.create(team=team, user=actor.user, role="owner")
    Membership.objects.create(team=team, user=member, role="viewer")
    type(clone).objects.filter(pk=clone.pk).update(team=team)
    clone.refresh_from_db()
    return team


def signed_out(user, actor):
    """Everywhere, as an administrator does it."""
    for session in Session.objects.all():
        Visit.objects.create(user=user, session_key=session.session_key, method="password", seen_at=now())
    assert visits_ended(user=user, actor=actor) == 1


LOSSES = {
    "unshared": lambda site: clone_unshare(clone=site["shared"], whom=Whom(user="mia"), actor=site["actor"]),
    "disabled": lambda site: active_set(user=site["member"], active=False, actor=site["actor"]),
    "signed out": lambda site: signed_out(site["member"], site["actor"]),
}


async def closes(socket, loss, site):
    await text(socket)
    await sync_to_async(loss)(site)
    began = time.monotonic()
    while (answer := await socket.receive_output(timeout=10))["type"] == "websocket.send":
        pass
    assert (answer["type"], answer["code"]) == ("websocket.close", sockets.FORBIDDEN)
    assert time.monotonic() - began < WITHIN_S


@pytest.mark.parametrize("loss", ["unshared", "disabled", "signed out"])
async def test_who_loses_a_clone_loses_its_page(shared, member, actor, loss):
    site = {"shared": shared, "member": member, "actor": actor}
    async with opened("/ws/clones/web/", member) as socket:
        await closes(socket, LOSSES[loss], site)


async def test_who_gives_a_clone_away_loses_its_page(clone, member, actor):  # noqa: F811
    await type(clone).objects.filter(pk=clone.pk).aupdate(owner=member)
    await clone.arefresh_from_db()
    async with opened("/ws/clones/web/", member) as socket:
        await closes(socket, lambda _: clone_transfer(clone=clone, whom=Whom(user="admin"), actor=actor), {})


async def test_who_leaves_a_team_loses_the_pages_of_its_clones(in_team, member, actor):
    async with opened("/ws/clones/web/", member) as socket:
        await closes(socket, lambda _: member_remove(team=in_team, user=member, actor=actor), {})


async def test_who_is_no_auditor_any_more_loses_the_findings(clone, member, actor):  # noqa: F811
    await Person.objects.acreate(user=member, is_auditor=True)
    async with opened("/ws/findings/", member) as socket:
        await closes(socket, lambda _: role_set(user=member, role=Role.MEMBER, actor=actor), {})


async def test_what_a_shell_takes_away_closes_the_page_as_soon(shared, member, actor, monkeypatch):
    """As another process does it: its ring comes by the row that it wrote."""
    async with opened("/ws/clones/web/", member) as socket:
        await text(socket)
        cursor = await sync_to_async(live.last_ring)()

        def elsewhere():
            with monkeypatch.context() as other:
                other.setattr(live, "SENDER", "another process")
                other.setattr(live.attached, "loop", None)
                clone_unshare(clone=shared, whom=Whom(user="mia"), actor=actor)

        await sync_to_async(elsewhere)()
        assert await socket.receive_nothing(timeout=0.3)
        began = time.monotonic()
        _, topics = await sync_to_async(live.foreign_rings)(cursor)
        await live.send(*topics)
        assert await close_code(socket) == sockets.FORBIDDEN
        assert time.monotonic() - began < WITHIN_S


async def test_who_keeps_the_right_keeps_the_page(shared, member, actor):
    other = Actor(user=member, via=Via.WEB)
    async with opened("/ws/clones/web/", actor.user) as socket:
        await text(socket)
        await sync_to_async(password_set)(user=member, password="another-long-one", actor=other)
        await sync_to_async(clone_unshare)(clone=shared, whom=Whom(user="mia"), actor=actor)
        team = await Team.objects.acreate(name="blue")
        await sync_to_async(member_set)(team=team, user=member, role="viewer", actor=actor)
        while not await socket.receive_nothing(timeout=0.5):
            assert (await socket.receive_output(timeout=1))["type"] == "websocket.send"
