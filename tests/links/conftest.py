"""A guest's web server, and a browser that goes through the door: both real but for the virtual machine."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web

from clones.models import Clone
from links.proxy import GuestHosts
from tests.pools.conftest import base, clone_row  # noqa: F401

RECORD = {"pid": 2**22, "started_ticks": 1, "boot_id": "x", "uuid": "0" * 32, "folder": "/nowhere"}
PORT = 8080


@pytest.fixture
def clone(base, admin):  # noqa: F811
    return clone_row(base, admin, "web", status="running", record=RECORD, ports=[PORT])


@dataclass
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def __getitem__(self, name: str) -> str:
        return (self.all(name) or [""])[0]


@dataclass
class Browser:
    """Sends requests into the application as Daphne does, and keeps the cookies it is given."""

    app: GuestHosts
    host: str
    cookies: dict[str, str] = field(default_factory=dict)

    def scope(self, path: str, **more: Any) -> dict[str, Any]:
        parts = urlsplit(path)
        kept = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        headers = [(b"host", self.host.encode()), *more.pop("headers", [])]
        return {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "client": ("192.0.2.7", 4444),
            "headers": headers + ([(b"cookie", kept.encode())] if kept else []),
            **more,
        }

    async def get(self, path: str, *, body: list[bytes] | None = None, **more: Any) -> Got:
        parts = [{"type": "http.request", "body": part, "more_body": True} for part in body or []] + [
            {"type": "http.request", "body": b"", "more_body": False}
        ]
        waits = asyncio.Event()
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop(0)
            await waits.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(self.scope(path, **more), receive, send)
        start, *rest = sent
        headers = [(key.decode(), value.decode()) for key, value in start["headers"]]
        got = Got(start["status"], headers, b"".join(one["body"] for one in rest))
        for cookie in got.all("set-cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return got


async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"the dashboard"})


@pytest_asyncio.fixture
async def browser(clone):
    app = GuestHosts(nowhere)
    yield Browser(app, f"c{clone.pk}-{PORT}.localhost:8000")
    if app.client:
        await app.client.close()


@dataclass
class Guest:
    """What a guest's server was asked."""

    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@pytest_asyncio.fixture
async def guest(clone):
    """A server behind the clone's forward."""
    seen = Guest()

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.asked.append(request)
        if request.path == "/socket":
            socket = web.WebSocketResponse(protocols=("chat",))
            await socket.prepare(request)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data[::-1])
                else:
                    await socket.send_bytes(message.data)
            return socket
        seen.bodies.append(await request.read())
        headers = {"X-Own": "yes", "Clear-Site-Data": '"cookies"', "Keep-Alive": "timeout=5"}
        response = web.StreamResponse(status=201, headers=headers)
        response.headers.add("Set-Cookie", "own=1; Domain=localhost; Path=/")
        response.headers.add("Set-Cookie", "cowweb_session=stolen; Path=/")
        await response.prepare(request)
        for part in (b"first ", b"second"):
            await response.write(part)
        return response

    runner = web.AppRunner(_app(answer), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    await Clone.objects.filter(pk=clone.pk).aupdate(forwards=[[22, 1], [PORT, port]])
    yield seen
    await runner.cleanup()


def _app(answer: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    return app


def entering(ticket: str) -> str:
    return f"/_cow/enter?ticket={quote(ticket)}"
