"""Who is let in at a guest's host name, what is carried there and back, and when the door closes."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.testing import ApplicationCommunicator
from django.core.cache import cache
from django.utils import timezone

from audit.models import AuditEntry
from clones.models import Clone
from cowweb import live
from links.addresses import Place
from links.models import ShareLink
from links.passes import ticket_for
from links.services import link_address, link_create, link_revoke
from tests.links.conftest import PORT, entering

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture(autouse=True)
def nothing_known(settings):
    """Each test sees passes for the first time."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ticket(clone, admin):
    return ticket_for(admin, Place(clone.pk, PORT))


@pytest.fixture
def link(clone, actor):
    return link_create(clone=clone, port=PORT, hours=24, actor=actor)


def token_path(link: ShareLink) -> str:
    return "/_cow/" + link_address(link).partition("/_cow/")[2]


async def test_a_ticket_lets_in_and_requests_go_through_as_they_are(browser, guest, ticket):
    came = await browser.get(entering(ticket))
    assert (came.status, came["location"], came["cache-control"]) == (303, "/", "no-store")
    assert "HttpOnly" in came["set-cookie"] and "Domain" not in came["set-cookie"]
    browser.cookies |= {"cowweb_session": "of-the-dashboard", "own": "1"}
    length = [(b"content-length", b"10"), (b"content-type", b"text/plain")]
    got = await browser.get("/a%2Fb/c?x=%20y&x=", method="POST", headers=length, body=[b"01234", b"56789"])
    assert (got.status, got.body, got["x-own"]) == (201, b"first second", "yes")
    (asked,) = guest.asked
    assert (asked.method, asked.raw_path, guest.bodies) == ("POST", "/a%2Fb/c?x=%20y&x=", [b"0123456789"])
    assert asked.headers["Cookie"] == "own=1"
    assert asked.headers["Host"] == browser.host
    assert asked.headers["X-Forwarded-For"] == "192.0.2.7"
    assert "User-Agent" not in asked.headers
    assert got.all("set-cookie") == ["own=1; Path=/"]
    assert not {"clear-site-data", "keep-alive", "connection"} & {name for name, _ in got.headers}


async def test_nobody_comes_in_without_a_pass_and_the_guest_hears_nothing(browser, guest):
    got = await browser.get("/")
    assert (got.status, guest.asked) == (401, [])
    assert "web" not in got.body.decode().split("<body>")[1].lower().replace("cowweb", "")
    assert "default-src 'none'" in got["content-security-policy"]
    browser.cookies["cowweb_pass"] = "forged:1:2"
    assert (await browser.get("/")).status == 401


async def test_whoever_has_only_the_address_is_led_in_by_the_dashboard(browser, clone, admin, client):
    got = await browser.get("/")
    way_in = f"/clones/_ports/{clone.pk}/{PORT}/"
    assert f'href="http://localhost:8000{way_in}"' in got.body.decode()
    answer = await sync_to_async(client.get)(way_in)
    assert answer.status_code == 302 and answer.headers["Location"].endswith(f"?next={way_in}")
    await sync_to_async(client.force_login)(admin)
    answer = await sync_to_async(client.get)(way_in)
    assert answer.headers["Location"] == f"/clones/web/ports/{PORT}/open/"


async def test_a_ticket_is_good_once_and_for_its_own_port(browser, guest, clone, admin, ticket):
    assert (await browser.get(entering(ticket))).status == 303
    assert (await browser.get(entering(ticket))).status == 401
    other = ticket_for(admin, Place(clone.pk, 9090))
    assert (await browser.get(entering(other))).status == 401


async def test_a_pass_of_one_port_opens_no_other(browser, guest, clone, ticket):
    await browser.get(entering(ticket))
    browser.host = f"c{clone.pk}-22.localhost:8000"
    assert (await browser.get("/")).status == 401
    assert guest.asked == []


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "changed"}])
async def test_a_pass_ends_with_its_user(browser, guest, admin, ticket, change):
    await browser.get(entering(ticket))
    assert (await browser.get("/")).status == 201
    for name, value in change.items():
        setattr(admin, name, value)
    await admin.asave()
    cache.clear()  # what was known for two seconds
    assert (await browser.get("/")).status == 401


async def test_a_link_lets_anyone_in_until_it_is_revoked(browser, guest, link, actor):
    came = await browser.get(token_path(link))
    assert came.status == 303
    assert (await browser.get("/")).status == 201
    await asyncio.to_thread(link_revoke, link=link, actor=actor)
    cache.clear()
    assert (await browser.get("/")).status == 410
    assert (await browser.get(token_path(link))).status == 410
    await link.arefresh_from_db()
    assert link.visits == 1
    actions = [entry.action async for entry in AuditEntry.objects.order_by("pk")]
    assert actions == ["share_port", "open_link", "revoke_link", "open_link"]


async def test_an_expired_link_and_a_changed_one_open_nothing(browser, guest, link):
    assert (await browser.get(token_path(link) + "x")).status == 410
    await ShareLink.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
    assert (await browser.get(token_path(link))).status == 410


async def test_a_link_gives_no_more_than_its_giver_has(browser, guest, link, admin, member):
    await Clone.objects.aupdate(owner=member)
    await browser.get(token_path(link))
    admin.is_superuser = admin.is_staff = False
    await admin.asave()
    cache.clear()
    assert (await browser.get("/")).status == 410


async def test_a_guest_that_does_not_answer_is_told_in_words(browser, clone, ticket):
    await browser.get(entering(ticket))
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await Clone.objects.aupdate(forwards=[[PORT, port]])
    cache.clear()
    got = await browser.get("/")
    assert (got.status, "Nothing answers on port 8080 of web" in got.body.decode()) == (502, True)
    server.close()
    await server.wait_closed()
    assert (await browser.get("/")).status == 502


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail ready\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    ],
)
async def test_what_is_no_web_server_is_told_apart(browser, clone, ticket, answer):
    """Nor is what changes the protocol, or says two lengths."""

    async def banner(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    await browser.get(entering(ticket))
    server = await asyncio.start_server(banner, "127.0.0.1", 0)
    await Clone.objects.aupdate(forwards=[[PORT, server.sockets[0].getsockname()[1]]])
    cache.clear()
    got = await browser.get("/")
    assert (got.status, "does not speak HTTP" in got.body.decode()) == (502, True)
    server.close()


async def test_a_stopped_clone_and_a_port_that_is_not_forwarded_are_told(browser, guest, ticket):
    await browser.get(entering(ticket))
    await Clone.objects.aupdate(forwards=[])
    assert (await browser.get("/")).status == 404
    await Clone.objects.aupdate(status="stopped")
    assert (await browser.get("/")).status == 503


async def test_sockets_are_carried_both_ways(browser, guest, ticket):
    await browser.get(entering(ticket))
    scope = browser.scope("/socket", type="websocket", subprotocols=["chat"])
    socket = ApplicationCommunicator(browser.app, scope)
    await socket.send_input({"type": "websocket.connect"})
    assert await socket.receive_output(5) == {"type": "websocket.accept", "subprotocol": "chat"}
    await socket.send_input({"type": "websocket.receive", "text": "olleh"})
    assert await socket.receive_output(5) == {"type": "websocket.send", "text": "hello"}
    await socket.send_input({"type": "websocket.receive", "bytes": b"\x00\xff"})
    assert await socket.receive_output(5) == {"type": "websocket.send", "bytes": b"\x00\xff"}
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait(5)
    assert "cowweb_pass" not in guest.asked[-1].headers.get("Cookie", "")


async def test_a_socket_by_a_link_closes_within_a_second_of_its_end(browser, guest, link, actor):
    await browser.get(token_path(link))
    scope = browser.scope("/socket", type="websocket", subprotocols=["chat"])
    socket = ApplicationCommunicator(browser.app, scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"
    before, live.attached.loop = live.attached.loop, asyncio.get_running_loop()
    try:
        await sync_to_async(link_revoke)(link=link, actor=actor)
        assert await socket.receive_output(1) == {"type": "websocket.close", "code": 4403}
        await socket.wait(5)
    finally:
        live.attached.loop = before


async def test_a_socket_without_a_pass_is_closed_at_once(browser, guest):
    socket = ApplicationCommunicator(browser.app, browser.scope("/socket", type="websocket"))
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.close"
    assert guest.asked == []


async def test_names_that_are_nobodys_never_reach_the_dashboard(browser):
    for host in ("x.localhost", "c1.localhost:8000", "admin.localhost"):
        browser.host = host
        assert (await browser.get("/")).status == 401
    browser.host = "localhost:8000"
    assert (await browser.get("/")).body == b"the dashboard"
