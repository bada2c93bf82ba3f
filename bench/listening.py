"""As little of a browser's socket as measuring needs: opens it, reads whole messages, notes when they came.

Example::

    async with listening(site, "/ws/clones/") as messages:
        async for when_ns, text in messages: ...
"""

import base64
import contextlib
import os
import time
from asyncio import StreamReader, StreamWriter, open_connection
from collections.abc import AsyncIterator

from bench.site import Site

PING, PONG, CLOSE = 0x9, 0xA, 0x8
READ_BYTES = 1 << 20


@contextlib.asynccontextmanager
async def listening(site: Site, path: str) -> AsyncIterator[AsyncIterator[tuple[int, bytes]]]:
    reader, writer = await open_connection("127.0.0.1", site.port, limit=READ_BYTES)
    address = f"127.0.0.1:{site.port}"
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {address}",
        f"Origin: http://{address}",
        f"Cookie: {site.cookies}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in answer.split(b"\r\n")[0]:
        raise AssertionError(f"{path}: {answer[:80]!r}")
    try:
        yield messages(reader, writer)
    finally:
        writer.close()


async def messages(reader: StreamReader, writer: StreamWriter) -> AsyncIterator[tuple[int, bytes]]:
    """Whole messages, each with the moment (of the monotonic clock) at which it was there."""
    parts: list[bytes] = []
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        payload = await reader.readexactly(size)
        if first & 0x0F == CLOSE:
            return
        if first & 0x0F == PING:  # who does not answer is cut off
            writer.write(bytes([0x80 | PONG, 0x80 | size, 0, 0, 0, 0]) + payload)
        if first & 0x0F in (PING, PONG):
            continue
        parts.append(payload)
        if first & 0x80:
            yield time.monotonic_ns(), b"".join(parts)
            parts = []
