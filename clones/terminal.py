"""A terminal to a clone's guest, in the browser.

The one socket that takes something from the browser: what is typed must arrive in order and at once, which a
request a key could not do. So it has the checks that a request has: the page's origin, the session, the right
to use the clone, when it is opened and again while it is open; and the record says when it was opened, by
whom, and when it ended. What was typed and shown is not kept.
"""

import asyncio
import contextlib
import json
import time
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User

from audit.models import Via
from audit.services import Actor, Operation, Result, finish, operation
from clones.actions import require
from clones.machines import shell_of
from clones.models import Clone
from clones.named import clone_named
from cowweb.errors import DomainError
from cowweb.live import RIGHTS
from cowweb.threads import in_thread
from hosts.drivers.base import Shell, Size
from hosts.drivers.errors import DriverError
from people import rights

REFUSED = 4400
FORBIDDEN = 4403
RECHECK_S = 10.0
LAST_WORDS_S = 0.5
IDLE_S = 3600.0
MOST_BYTES = 65_536
MOST_OPEN = 32
SIZES = (("cols", 80, 500), ("rows", 24, 200))
open_now: set["Terminal"] = set()


class Terminal(AsyncWebsocketConsumer):
    """Bytes both ways; a text frame `{"cols": 120, "rows": 40}` says the window's size."""

    shell: Shell | None = None
    op: Operation | None = None
    is_over = False

    async def connect(self) -> None:
        self.user = self.scope["user"]
        self.name = self.scope["url_route"]["kwargs"]["name"]
        self.tasks: list[asyncio.Task[None]] = []
        self.opened_at = self.typed_at = time.monotonic()
        self.woken = asyncio.Event()
        for topic in self.heard():
            await self.channel_layer.group_add(topic, self.channel_name)
        await self.accept()  # type: ignore[no-untyped-call]
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        size = size_of({key: values[-1] for key, values in query.items()})
        try:
            if len(open_now) >= MOST_OPEN:
                raise DomainError(f"{MOST_OPEN} terminals are open on this site: close one")
            open_now.add(self)
            await in_thread(self.open, size)
        except (DomainError, DriverError) as error:
            await self.ended(REFUSED, str(error))
        else:
            self.tasks = [asyncio.create_task(self.pumped()), asyncio.create_task(self.watched())]

    def heard(self) -> list[str]:
        return [f"person.{self.user.pk}", RIGHTS]

    async def ring(self, message: dict[str, Any]) -> None:
        """Their sessions, or who may do what, have changed: it looks at once."""
        self.woken.set()

    def open(self, size: Size) -> None:
        """Who may use the clone gets a shell in it, and an entry in the record."""
        actor = self.actor()
        with operation(actor, "terminal", target=f"clone:{self.name}") as op:
            clone = clone_named(self.name, actor)
            rights.require(actor, rights.USE, clone)
            require(clone, Clone.Status.RUNNING, "opened a terminal to")
            self.shell = shell_of(clone, size)
            op.goes_on()
            self.op = op

    def actor(self) -> Actor:
        """The person as they are now: a disabled one is nobody."""
        user = User.objects.select_related("person").filter(pk=self.user.pk, is_active=True).first()
        if user is None:
            raise DomainError("Sign in to open a terminal", code="forbidden")
        client = self.scope.get("client") or [""]
        return Actor(user=user, via=Via.WEB, address=str(client[0]))

    async def pumped(self) -> None:
        """The shell's output, as fast as the browser takes it."""
        while self.shell is not None:
            await readable(self.shell.fileno())
            data = self.shell.read()
            if data == b"":
                return await self.ended(1000, "The shell has ended")
            if data:
                await self.send(bytes_data=data)  # type: ignore[no-untyped-call]
        return None

    async def watched(self) -> None:
        """Looks at the right from time to time, also while a browser takes nothing of what is shown."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), RECHECK_S)
            self.woken.clear()
            if time.monotonic() - self.typed_at > IDLE_S:
                return await self.ended(1000, "Nothing was typed for an hour")
            if not await in_thread(self.may_still):
                return await self.ended(FORBIDDEN, "You may no longer use this clone")

    def may_still(self) -> bool:
        try:
            actor, session = self.actor(), self.scope.get("session")
            if session is not None and session.session_key and not session.exists(session.session_key):
                return False
            rights.require(actor, rights.USE, clone_named(self.name, actor))
        except DomainError:
            return False
        return True

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.shell is None or self.is_over:
            return
        self.typed_at = time.monotonic()
        try:
            if text_data is not None:
                self.shell.resize(size_of(json.loads(text_data[:200])))
            elif bytes_data and len(bytes_data) <= MOST_BYTES:
                await in_thread(self.shell.write, bytes_data)
        except (ValueError, AttributeError):
            await self.ended(REFUSED, "That was no size of a window")
        except DriverError as error:
            await self.ended(1000, str(error))

    async def ended(self, code: int, words: str) -> None:
        """Says why, then closes, without waiting for a browser that takes nothing."""
        self.is_over = True
        with contextlib.suppress(RuntimeError):  # the browser may have gone first
            with contextlib.suppress(TimeoutError):
                said = self.send(text_data=json.dumps({"ended": words}))  # type: ignore[no-untyped-call]
                await asyncio.wait_for(said, LAST_WORDS_S)
            await self.close(code=code)  # type: ignore[no-untyped-call]

    async def disconnect(self, _code: int) -> None:
        open_now.discard(self)
        for topic in self.heard():
            await self.channel_layer.group_discard(topic, self.channel_name)
        for task in self.tasks:
            task.cancel()
        shell, self.shell = self.shell, None
        if shell:
            await in_thread(shell.close)
        if self.op:
            seconds = time.monotonic() - self.opened_at
            await in_thread(finish, self.op.entry.pk, Result.DONE, f"closed after {seconds:.0f} s")


def size_of(said: dict[str, Any]) -> Size:
    """The window's size, within reason."""
    columns, rows = (max(1, min(int(said.get(key, usual)), most)) for key, usual, most in SIZES)
    return Size(columns, rows)


async def readable(descriptor: int) -> None:
    """Returns once there is something to read."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(descriptor)
