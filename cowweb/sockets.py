"""The live part of a page: sends the partial now, and again whenever one of its topics rings.

A ring may be lost, as while Redis is away, so it also looks again now and then, and sends what is new.
It receives nothing from the browser. A burst of rings is one redraw, and a redraw that changed nothing is
not sent. Subclasses say who may watch, what topics, and how the partial is rendered.

Example::

    class CloneConsumer(LivePart):
        def allowed(self) -> bool: ...
        def topics(self) -> list[str]: ...
        def render(self) -> str: ...
"""

import asyncio
import contextlib
import logging
import time
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User

from cowweb.live import RIGHTS

logger = logging.getLogger(__name__)

SHORTEST_REST_S, LONGEST_REST_S = 0.005, 0.1
FORBIDDEN = 4403
CANNOT_DRAW = 1011  # "internal error"
USER_RECHECK_S = 30.0


class LivePart(AsyncWebsocketConsumer):
    user: User

    def allowed(self) -> bool:
        """Whether `self.user` may watch this; raises or returns False otherwise. Runs in a thread."""
        raise NotImplementedError

    def topics(self) -> list[str]:
        raise NotImplementedError

    def render(self) -> str:
        """The partial, as an out-of-band swap. Runs in a thread."""
        raise NotImplementedError

    @property
    def own_topic(self) -> str:
        """Rings when the person's sessions or rights change."""
        return f"person.{self.scope['user'].pk}"

    def heard(self) -> list[str]:
        return [*self.topics(), self.own_topic, RIGHTS]

    @property
    def query(self) -> dict[str, str]:
        """The page's own query string, so that the live part is the same view of the same things."""
        pairs = parse_qs(self.scope["query_string"].decode("latin-1"))
        return {key: values[-1] for key, values in pairs.items()}

    async def connect(self) -> None:
        self.sent = ""
        self.is_stale = asyncio.Event()
        self.painter: asyncio.Task[None] | None = None
        self.looked = time.monotonic()
        self.user = self.scope["user"]
        await self.accept()
        if not await database_sync_to_async(self.may_watch)():
            await self.close(code=FORBIDDEN)
            return
        for topic in self.heard():
            await self.channel_layer.group_add(topic, self.channel_name)
        self.is_stale.set()
        self.painter = asyncio.create_task(self.painted())

    @property
    def must_look(self) -> bool:
        """Whether it is time to look at the right to watch."""
        return not self.looked or time.monotonic() - self.looked >= USER_RECHECK_S

    def may_watch(self) -> bool:
        """Signed in still, not disabled since, and allowed."""
        session = self.scope.get("session")
        if session is not None and session.session_key and not session.exists(session.session_key):
            return False
        # read anew: what they may see is drawn from the role they have now
        user = User.objects.select_related("person").filter(pk=self.user.pk, is_active=True).first()
        if user is None:
            return False
        self.user = user
        return self.allowed()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """A ring sets a flag and touches no database, so it needs no turn in the database's thread before."""
        if message["type"] == "ring":
            if message["topic"] in (self.own_topic, RIGHTS):
                self.looked = 0.0  # sessions or rights changed: look at once
            self.is_stale.set()
        else:
            await super().dispatch(message)

    async def painted(self) -> None:
        """A part that cannot be drawn says so by closing: the page tries again, and is not called live."""
        try:
            await self.paint()
        except Exception:
            logger.exception("%s could not be drawn", type(self).__name__)
            await self.close(code=CANNOT_DRAW)

    async def paint(self) -> None:
        """Redraws when something rang, and looks at the right to watch from time to time."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(USER_RECHECK_S):
                    await self.is_stale.wait()
            if self.must_look:
                self.looked = time.monotonic()
                if not await database_sync_to_async(self.may_watch)():
                    await self.close(code=FORBIDDEN)
                    return
                self.is_stale.set()
            if self.is_stale.is_set():
                self.is_stale.clear()
                began = time.monotonic()
                await self.draw()
                # As long as drawing took: quick when the server is idle, gentle when it is not.
                rest = time.monotonic() - began
                await asyncio.sleep(min(max(rest, SHORTEST_REST_S), LONGEST_REST_S))

    async def draw(self) -> None:
        html = await database_sync_to_async(self.render)()
        if html != self.sent:
            self.sent = html
            await self.send(text_data=html)

    async def disconnect(self, code: int) -> None:
        if self.painter:
            self.painter.cancel()
        for topic in self.heard():
            await self.channel_layer.group_discard(topic, self.channel_name)
