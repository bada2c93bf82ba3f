"""Daphne's server, which sends no faster than a browser reads.

Daphne writes whatever the application answers into memory, so a download of 100 MB by a slow line is 100 MB
of the server's, and so is the log of a page that has stopped reading its websocket. Here the application
waits with its next part until the line has taken the last. Whoever draws something meanwhile, draws what is
so when its turn comes: no page gets a backlog. The other way, nothing is read from a socket while what it
sent before waits for the application, as for a guest that does not read.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol

from cowweb.door import Doors

MOST_WAITING = 16  # messages, each of them at most 1 MiB
LOOK_S = 0.02


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


class PacedSocket(WebSocketProtocol):
    transport: Any
    is_held = False

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: FBT001 - Autobahn's own
        super().onMessage(payload, isBinary)  # type: ignore[no-untyped-call]
        if self.application_queue.qsize() >= MOST_WAITING and not self.is_held:
            self.is_held = True
            self.transport.pauseProducing()
            self.read_on()

    def read_on(self) -> None:
        """Once the application has taken most of it."""
        if self.state == self.STATE_CLOSED:
            return
        if self.application_queue.qsize() > MOST_WAITING // 2:
            asyncio.get_event_loop().call_later(LOOK_S, self.read_on)
            return
        self.is_held = False
        self.transport.resumeProducing()


def nobody(host: str, cookies: str) -> bool:
    return False


class PacedServer(Server):
    """`known` says whose long bodies are read, by the host that they are sent to and their cookies;
    `most_lines` how many connections one address may have, 0 for as many as it likes."""

    def __init__(
        self,
        *args: Any,
        known: Callable[[str, str], bool] = nobody,
        most_lines: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self.known, self.most_lines = known, most_lines

    @property  # type: ignore[override]  # Daphne puts one of its own here
    def http_factory(self) -> Doors:
        return self.doors

    @http_factory.setter
    def http_factory(self, _theirs: Any) -> None:
        self.doors = Doors(self)

    def listen_success(self, port: Any) -> None:
        """Before the first connection: the factory was made by then, and makes our sockets."""
        self.ws_factory.protocol = PacedSocket
        super().listen_success(port)  # type: ignore[no-untyped-call]

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
