"""Daphne's server, which sends no faster than a browser reads.

Daphne writes whatever the application answers into memory, so a download of 100 MB by a slow line is 100 MB
of the server's, and so is the log of a page that has stopped reading its websocket. Here the application
waits with its next part until the line has taken the last. Whoever draws something meanwhile, draws what is
so when its turn comes: no page gets a backlog.
"""

import asyncio
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol


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
        if isinstance(protocol, WebRequest) and protocol.channel is not None:
            brake_of_answer(protocol, goes_on=bool(message.get("more_body")))
            consumer = protocol
        elif isinstance(protocol, WebSocketProtocol) and protocol.transport is not None:
            brake_of_socket(protocol.transport, goes_on=message["type"] != "websocket.close")
            consumer = protocol.transport
        else:
            consumer = None
        await super().handle_reply(protocol, message)  # type: ignore[no-untyped-call]
        producer = getattr(consumer, "producer", None)
        if isinstance(producer, Brake):
            await producer.is_free.wait()


def brake_of_answer(request: Any, *, goes_on: bool) -> None:
    """While more is to come, the request's own."""
    if goes_on and request.producer is None:
        request.registerProducer(Brake(), True)  # noqa: FBT003 - Twisted's own order
    elif not goes_on and request.producer is not None:
        request.unregisterProducer()


def brake_of_socket(transport: Any, *, goes_on: bool) -> None:
    """In the place of the HTTP channel, which stays at the line after the upgrade and holds nobody up. A line
    whose end was said has none: with one, Twisted would wait for more to send."""
    before = transport.producer
    if goes_on and isinstance(before, Brake):
        return
    transport.unregisterProducer()
    if goes_on:
        transport.registerProducer(Brake(), True)  # noqa: FBT003 - Twisted's own order
    elif isinstance(before, Brake):
        before.stopProducing()
