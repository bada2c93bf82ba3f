"""A terminal in the browser: for who may use the clone, on record, and ended with its shell."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from clones import terminal
from clones.models import Clone
from clones.services import clone_create
from clones.wanted import Wanted
from cowweb.asgi import application
from hosts.models import Job
from tests.support.shell_guest import shell_guest

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ANSWER_S = 20


@pytest.fixture
def web(demo, actor, monkeypatch, tmp_path):
    """A clone whose guest is a shell of this host."""
    monkeypatch.setenv("SHELL", "/bin/sh")
    clone = clone_create(Wanted(base="demo", name="web", start=False), actor=actor).clone
    Job.objects.all().delete()
    with shell_guest(clone):
        yield Clone.objects.get(pk=clone.pk)


def socket_of(user: User, origin: bytes = b"http://localhost") -> WebsocketCommunicator:
    client = Client()
    client.force_login(user)
    cookie = f"cowweb_session={client.cookies['cowweb_session'].value}".encode()
    headers = [(b"origin", origin), (b"host", b"localhost"), (b"cookie", cookie)]
    return WebsocketCommunicator(application, "/ws/clones/web/terminal/?cols=100&rows=30", headers)


async def until(socket, words: bytes) -> bytes:
    heard = b""
    while words not in heard:
        message = await socket.receive_output(ANSWER_S)
        heard += message.get("bytes") or (message.get("text") or "").encode()
    return heard


async def closed(socket) -> tuple[str, int]:
    """Its last words and its code."""
    words = ""
    while (message := await socket.receive_output(ANSWER_S))["type"] != "websocket.close":
        words = json.loads(message["text"])["ended"] if message.get("text") else words
    return words, message["code"]


async def so(true) -> None:
    async with asyncio.timeout(ANSWER_S):
        while not true():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


@sync_to_async
def entry() -> tuple[str, str, str]:
    found = AuditEntry.objects.filter(action="terminal").latest("pk")
    return found.target, found.actor_name, found.outcome.reason


@pytest.mark.asyncio
async def test_what_is_typed_is_answered_and_its_end_is_on_record(web, admin):
    socket = await sync_to_async(socket_of)(admin)
    assert (await socket.connect(ANSWER_S))[0]
    await socket.send_to(bytes_data=b"echo $((6 * 7))-ok\n")
    assert b"42-ok" in await until(socket, b"42-ok")
    await socket.send_to(text_data=json.dumps({"cols": 120, "rows": 40}))
    await socket.send_to(bytes_data=b"exit\n")
    assert await closed(socket) == ("The shell has ended", 1000)
    await socket.disconnect()
    target, name, reason = await entry()
    assert (target, name) == ("clone:web", "admin")
    assert reason.startswith("closed after")
    assert not terminal.open_now


@pytest.mark.asyncio
async def test_who_may_not_use_the_clone_gets_no_shell(web, member):
    socket = await sync_to_async(socket_of)(member)
    await socket.connect(ANSWER_S)
    words, code = await closed(socket)
    assert (words, code) == ("Clone web not found", terminal.REFUSED)
    await socket.disconnect()
    assert "not found" in (await entry())[2]


@pytest.mark.asyncio
async def test_who_loses_the_right_loses_the_terminal(web, admin, monkeypatch):
    monkeypatch.setattr(terminal, "RECHECK_S", 0.1)
    socket = await sync_to_async(socket_of)(admin)
    await socket.connect(ANSWER_S)
    await socket.send_to(bytes_data=b"echo here\n")
    await until(socket, b"here")
    await sync_to_async(User.objects.filter(pk=admin.pk).update)(is_active=False)
    assert await closed(socket) == ("You may no longer use this clone", terminal.FORBIDDEN)
    await socket.disconnect()


@pytest.mark.asyncio
async def test_who_loses_the_right_loses_the_terminal_of_a_browser_that_takes_nothing(
    web, admin, monkeypatch
):
    monkeypatch.setattr(terminal, "RECHECK_S", 0.1)
    socket = await sync_to_async(socket_of)(admin)
    socket.output_queue._maxsize = 2  # full, it holds up whoever sends
    assert (await socket.connect(ANSWER_S))[0]
    await socket.send_to(bytes_data=b"yes\n")
    await so(socket.output_queue.full)
    (opened,) = terminal.open_now
    await sync_to_async(User.objects.filter(pk=admin.pk).update)(is_active=False)
    await so(lambda: opened.is_over)
    while (message := await socket.receive_output(ANSWER_S))["type"] != "websocket.close":
        pass
    assert message["code"] == terminal.FORBIDDEN
    await socket.disconnect()


@pytest.mark.asyncio
async def test_another_origin_is_refused(web, admin):
    socket = await sync_to_async(socket_of)(admin, b"http://localhost:9999")
    assert not (await socket.connect(ANSWER_S))[0]


@pytest.mark.asyncio
async def test_nonsense_ends_it_and_a_flood_does_not_grow(web, admin):
    socket = await sync_to_async(socket_of)(admin)
    await socket.connect(ANSWER_S)
    await socket.send_to(bytes_data=b"head -c 3000000 /dev/zero | tr '\\0' x; echo; echo flood-over\n")
    await asyncio.sleep(0.2)
    assert b"flood-over" in (await until(socket, b"flood-over"))[-200:]
    await socket.send_to(text_data="no size")
    assert (await closed(socket))[1] == terminal.REFUSED
    await socket.disconnect()


def test_the_page_says_why_there_is_none(web, client, member, admin):
    client.force_login(admin)
    answer = client.get("/clones/web/terminal/")
    assert 'data-terminal="/ws/clones/web/terminal/"' in answer.content.decode()
    assert "'nonce-" in answer.headers["Content-Security-Policy"]
    Clone.objects.filter(pk=web.pk).update(status="stopped")
    assert "to open a terminal" in client.get("/clones/web/terminal/").content.decode()
    client.force_login(member)
    assert client.get("/clones/web/terminal/").status_code == 404
