"""The browser's half of a request: its body as it comes, and whether it is still there.

Example::

    async with Incoming(receive) as incoming:
        answer = await incoming.unless_gone(asked(incoming.body()))    # None: nobody waits for it any more
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Incoming:
    def __init__(self, receive: Any) -> None:
        self.receive = receive
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self.pump = asyncio.create_task(self.pumped())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pump.cancel()

    async def pumped(self) -> None:
        """Ends when the browser is gone."""
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                self.parts.put_nowait(None)
                return
            self.parts.put_nowait(message.get("body", b""))
            if not message.get("more_body", False):
                self.parts.put_nowait(None)

    async def body(self) -> AsyncIterator[bytes]:
        while (part := await self.parts.get()) is not None:
            if part:
                yield part

    async def unless_gone(self, doing: Awaitable[T]) -> T | None:
        """What it comes to; None, and it is cancelled, when the browser goes first."""
        task = asyncio.ensure_future(doing)
        try:
            await asyncio.wait({task, self.pump}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
