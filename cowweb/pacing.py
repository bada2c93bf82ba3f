"""Daphne's server, which sends no faster than a browser reads.

Daphne writes whatever the application answers into memory, so a download of 100 MB by a slow line is 100 MB
of the server's. Here the application waits with its next part until the line has taken the last.
"""

import asyncio
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.server import Server


class Brake:
    """What Twisted tells whether the line takes more (an `IPushProducer`)."""

    def __init__(self) -> None:
        self.is_free = asyncio.Event()
        self.is_free.set()

    def pauseProducing(self) -> None:
        self.is_free.clear()

    def resumeProducing(self) -> None:
        self.is_free.set()

    def stopProducing(self) -> None:
        self.is_free.set()


class PacedServer(Server):
    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if not isinstance(protocol, WebRequest) or protocol.channel is None:
            await super().handle_reply(protocol, message)  # type: ignore[no-untyped-call]
            return
        goes_on = bool(message.get("more_body"))
        if goes_on and protocol.producer is None:
            protocol.registerProducer(Brake(), True)  # noqa: FBT003 - Twisted's own order
        elif not goes_on and protocol.producer is not None:
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)  # type: ignore[no-untyped-call]
        if isinstance(protocol.producer, Brake):
            await protocol.producer.is_free.wait()
