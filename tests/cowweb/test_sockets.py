"""Live parts: who may watch, what a ring redraws, and a log that continues where its reader left."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client

from bases.models import BaseImage, BaseRevision
from clones.models import Clone
from clones.services import clone_moved
from cowweb import live, sockets
from cowweb.asgi import application
from hosts.services import local_host
from provisioning import tail
from provisioning.models import Run
from provisioning.output import Recorder
from provisioning.phases import run_moved

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.asyncio]
ANSWER_S = 30


@pytest.fixture
def clone(site, admin) -> Clone:
    """A clone in the making: only its row, as these tests start no machine."""
    base = BaseImage.objects.create(name="demo")
    revision = BaseRevision.objects.create(base=base, number=1, digest="0" * 64, virtual_size=1, file_size=1)
    return Clone.objects.create(
        name="web", owner=admin, host=local_host(), revision=revision, memory_mb=128, cpus=1, status="stopped"
    )


@pytest.fixture
def run(clone) -> Run:
    return Run.objects.create(
        script_name="x.sh",
        script_sha256="0" * 64,
        owner=clone.owner,
        clone=clone,
        clone_name=clone.name,
        base_reference="demo",
        status="running",
    )


def cookie_of(user: User | None) -> bytes:
    if user is None:
        return b""
    client = Client()
    client.force_login(user)
    return f"cowweb_session={client.cookies['cowweb_session'].value}".encode()


@asynccontextmanager
async def opened(path, user=None, origin=b"http://localhost", takes=0):
    """A connected socket of this person; this loop is the one that serves. `takes`: messages at most that
    wait for the browser, all of them unless told."""
    before, live.attached.loop = live.attached.loop, asyncio.get_running_loop()
    cookie = await sync_to_async(cookie_of)(user)
    headers = [(b"origin", origin), (b"host", b"localhost"), (b"cookie", cookie)]
    socket = WebsocketCommunicator(application, path, headers=headers)
    socket.output_queue._maxsize = takes  # full, it holds up whoever sends
    try:
        socket.accepted = (await socket.connect(timeout=ANSWER_S))[0]
        yield socket
    finally:
        await socket.disconnect()
        live.attached.loop = before


async def close_code(socket):
    answer = await socket.receive_output(timeout=ANSWER_S)
    assert answer["type"] == "websocket.close"
    return answer["code"]


async def text(socket):
    return await socket.receive_from(timeout=ANSWER_S)


PATHS = [
    "/ws/overview/",
    "/ws/clones/",
    "/ws/clones/web/",
    "/ws/bases/",
    "/ws/bases/demo/",
    "/ws/runs/",
    "/ws/audit/",
]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_watches_without_signing_in(clone, path):
    async with opened(path) as socket:
        assert await close_code(socket) == sockets.FORBIDDEN


@pytest.mark.parametrize("path", ["/ws/hosts/", "/ws/", "/ws/clones", "/ws/runs/x/"])
async def test_a_path_that_is_none_is_denied_and_no_error(admin, path, caplog):
    async with opened(path, admin) as socket:
        assert not socket.accepted
    assert caplog.text == ""


@pytest.mark.parametrize("path", PATHS)
async def test_who_is_signed_in_gets_the_present_state_at_once(clone, admin, path):
    async with opened(path, admin) as socket:
        assert "hx-swap-oob" in await text(socket)


@pytest.mark.parametrize("origin", [b"http://localhost:34567", b"https://evil.example", b"null", b""])
async def test_pages_of_another_origin_are_refused_before_anything_else(clone, admin, origin):
    async with opened("/ws/clones/", admin, origin) as socket:
        assert socket.accepted is False


async def test_what_belongs_to_others_is_refused_and_not_listed(run, member):
    for path in ("/ws/clones/web/", f"/ws/runs/{run.pk}/", f"/ws/runs/{run.pk}/log/"):
        async with opened(path, member) as socket:
            assert await close_code(socket) == sockets.FORBIDDEN
    async with opened("/ws/clones/", member) as socket:
        assert "web" not in await text(socket)


@pytest.mark.parametrize("path", ["/ws/clones/none/", "/ws/runs/999999/", "/ws/bases/none/"])
async def test_what_does_not_exist_is_refused(clone, admin, path):
    async with opened(path, admin) as socket:
        assert await close_code(socket) == sockets.FORBIDDEN


async def test_a_ring_redraws_and_one_that_changed_nothing_sends_nothing(clone, admin):
    await Clone.objects.aupdate(created_at="2020-01-01T00:00Z")  # "… years ago" stays the same for a while
    async with opened("/ws/clones/", admin) as socket:
        assert "Stopped" in await text(socket)
        await sync_to_async(live.ring)("clones")
        assert await socket.receive_nothing(timeout=0.5)
        await sync_to_async(clone_moved)(clone.pk, to="starting")
        assert "Starting" in await text(socket)


async def test_a_runs_page_says_at_once_how_its_clone_is(run, admin):
    await Run.objects.filter(pk=run.pk).aupdate(status="failed", failure="It failed", failed_phase="script")
    async with opened(f"/ws/runs/{run.pk}/", admin) as socket:
        assert "Keep the clone for a look" in await text(socket)
        await sync_to_async(clone_moved)(run.clone_id, to="starting")
        assert "Starting the clone" in await text(socket)


async def test_a_burst_of_rings_is_few_redraws_and_ends_with_the_last_state(clone, admin):
    async with opened(f"/ws/clones/{clone.name}/", admin) as socket:
        await text(socket)
        for state in ["starting", "failed"] * 20:
            await sync_to_async(clone_moved)(clone.pk, to=state, failure=f"reason {state}")
        pushes = []
        while not await socket.receive_nothing(timeout=1):
            pushes.append(await text(socket))
        assert "reason failed" in pushes[-1]
        assert len(pushes) < 40


async def test_a_page_sees_only_what_its_own_query_asks_for(clone, admin):
    async with opened("/ws/clones/?q=other", admin) as socket:
        assert 'href="/clones/web/"' not in await text(socket)


async def test_who_is_disabled_loses_the_page(clone, admin, monkeypatch):
    monkeypatch.setattr(sockets, "USER_RECHECK_S", 0.1)
    async with opened("/ws/clones/", admin) as socket:
        await text(socket)
        await User.objects.filter(pk=admin.pk).aupdate(is_active=False)
        assert await close_code(socket) == sockets.FORBIDDEN


async def frame(socket):
    return json.loads(await text(socket))


def printed(run, *lines):
    run.refresh_from_db()
    recorder = Recorder(run)
    recorder.take("stdout", "".join(f"{line}\n" for line in lines).encode())
    recorder.close()


async def test_a_log_sends_what_is_there_then_what_comes_then_its_end(run, admin):
    await sync_to_async(printed)(run, "one", "two")
    async with opened(f"/ws/runs/{run.pk}/log/", admin) as socket:
        first = await frame(socket)
        assert (first["from"], [line[2] for line in first["lines"]]) == (1, ["one", "two"])
        await sync_to_async(printed)(run, "drei 🐄")
        second = await frame(socket)
        assert (second["from"], second["lines"][0][2], second["done"]) == (3, "drei 🐄", False)
        await sync_to_async(run_moved)(run.pk, to="failed")
        assert await frame(socket) == {"from": 4, "lines": [], "done": True}


@pytest.mark.parametrize(
    ("after", "expected"), [("1", ["two", "three"]), ("3", []), ("-1", None), ("x", None)]
)
async def test_a_reader_goes_on_after_the_line_it_has(run, admin, after, expected):
    await sync_to_async(printed)(run, "one", "two", "three")
    await sync_to_async(run_moved)(run.pk, to="failed")
    async with opened(f"/ws/runs/{run.pk}/log/?after={after}", admin) as socket:
        got = await frame(socket)
        assert [line[2] for line in got["lines"]] == (
            ["one", "two", "three"] if expected is None else expected
        )
        assert got["done"] or (await frame(socket))["done"]


async def test_who_loses_the_right_gets_no_more_of_a_log_that_is_on_its_way(run, admin, monkeypatch):
    """A slow browser holds the log up: the server sends no frame before the last was taken."""
    monkeypatch.setattr(tail, "FRAME_CHARACTERS", 100)
    await sync_to_async(printed)(run, *[f"{number:100}" for number in range(150)])
    async with opened(f"/ws/runs/{run.pk}/log/", admin, takes=1) as socket:
        await text(socket)
        await User.objects.filter(pk=admin.pk).aupdate(is_active=False)
        await sync_to_async(live.ring)(live.RIGHTS)
        await asyncio.sleep(0.2)
        more = 0
        while (answer := await socket.receive_output(timeout=ANSWER_S))["type"] == "websocket.send":
            more += 1
        assert (answer["code"], more < 5) == (sockets.FORBIDDEN, True)
