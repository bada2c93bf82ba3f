"""A browser's websocket, carried to the guest and back, message by message."""

import asyncio
import contextlib
from typing import Any

import aiohttp
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from cowweb.live import RIGHTS
from links.addresses import Place
from links.headers import to_guest
from links.passes import Closed, Opened, opened_now

MESSAGE_BYTES = 16 * 1024 * 1024
LOOK_AGAIN_S = 15.0
CONNECT_S = 10.0
GOING_AWAY, NOT_ALLOWED = 1001, 4403


async def relay(
    session: aiohttp.ClientSession,
    door: Opened,
    place: Place,
    kept: str,
    scope: dict[str, Any],
    receive: Any,
    send: Any,
) -> None:
    """Until either side ends it, or the pass does."""
    await receive()  # websocket.connect
    try:
        upstream = await asyncio.wait_for(connected(session, door, scope), CONNECT_S)
    except (aiohttp.ClientError, OSError, TimeoutError):
        await send({"type": "websocket.close", "code": 1014})
        return
    async with upstream:
        await send({"type": "websocket.accept", "subprotocol": upstream.protocol})
        ways = [inwards(upstream, receive), outwards(upstream, send), watched(kept, place)]
        tasks = [asyncio.create_task(way) for way in ways]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        code = next((task.result() for task in done if not task.exception()), GOING_AWAY)
        with contextlib.suppress(Exception):
            await send({"type": "websocket.close", "code": code})


async def connected(
    session: aiohttp.ClientSession, door: Opened, scope: dict[str, Any]
) -> aiohttp.ClientWebSocketResponse:
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http")
    address = (scope.get("client") or ("", 0))[0]
    pairs = to_guest(scope["headers"], scheme=scheme, address=address)
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return await session.ws_connect(
        f"ws://127.0.0.1:{door.host_port}/{path.removeprefix('/')}{'?' + query if query else ''}",
        protocols=scope.get("subprotocols", ()),
        headers=[(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in pairs],
        max_msg_size=MESSAGE_BYTES,
    )


async def inwards(upstream: aiohttp.ClientWebSocketResponse, receive: Any) -> int:
    """From the browser to the guest; the code that the browser closed with."""
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            code = int(message.get("code") or 1000)
            await upstream.close(code=code if code not in (1005, 1006) else 1000)
            return 1000
        if message.get("text") is not None:
            await upstream.send_str(message["text"])
        else:
            await upstream.send_bytes(message["bytes"])


async def outwards(upstream: aiohttp.ClientWebSocketResponse, send: Any) -> int:
    """From the guest to the browser; the code that the guest closed with."""
    async for message in upstream:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
    return sendable(upstream.close_code)


def sendable(code: int | None) -> int:
    """A code that may be said on the wire: some only stand for what went wrong."""
    return code if code and (code in (1000, 1001, 1003, 1008, 1011) or 3000 <= code < 5000) else 1000


async def watched(kept: str, place: Place) -> int:
    """Ends when the pass is worth nothing any more: looks when rights change, and from time to time."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(RIGHTS, channel)
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(layer.receive(channel), LOOK_AGAIN_S)
            await database_sync_to_async(opened_now)(kept, place)
    except Closed:
        return NOT_ALLOWED
    finally:
        await layer.group_discard(RIGHTS, channel)
