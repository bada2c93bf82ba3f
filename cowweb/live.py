"""The doorbell: `ring(topic)` tells every open page of a topic that something changed, after the commit.

A message carries a topic and never content; who hears it reads the database. Within the serving process
a ring goes straight to the channel layer of the server's loop. What another process commits (a shell, a
worker) reaches the pages over Redis where it is set and there, and otherwise by a row in `Ring` that the
server's `watch` task picks up, woken by SQLite's `data_version`. Imports no app.

Example::

    ring("clones", f"clone.{clone.pk}")
"""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection, transaction

from cowweb.models import Ring

logger = logging.getLogger(__name__)

RIGHTS = "rights"  # who may do what has changed: every open socket looks again whether it may be open
WATCH_INTERVAL_S = 0.1
PASSING_S = 0.1
RING_KEPT_ROWS = 10_000
AGAIN_EVERY_S = 1.0
LISTEN_AGAIN_S = 6.0  # until a channel layer has subscribed anew
SENDER = f"{os.getpid()}.{time.time_ns()}"


@dataclass
class Attached:
    """The server's loop, once this process serves pages."""

    loop: asyncio.AbstractEventLoop | None = None


attached = Attached()


@dataclass
class Missed:
    """Topics that could not be rung, as while Redis was away."""

    topics: set[str] = field(default_factory=set)
    next_at: float = 0.0
    until: float | None = None


missed = Missed()


def attach(loop: asyncio.AbstractEventLoop) -> None:
    """This process serves pages on `loop`: rings go straight there."""
    attached.loop = loop


def ring(*topics: str, in_passing: bool = False) -> None:
    """Tells everyone who watches these topics, once the current transaction is committed.
    `in_passing`: of a state that is often over before it is drawn, so its pages are drawn a moment later."""
    if not settings.REDIS_URL:
        Ring.objects.bulk_create([Ring(topic=topic, sender=SENDER) for topic in topics])
    transaction.on_commit(lambda: deliver(*topics, after_s=PASSING_S if in_passing else 0))


def deliver(*topics: str, after_s: float = 0) -> None:
    """Sends the rings from this process, from any thread."""
    if attached.loop is not None:
        asyncio.run_coroutine_threadsafe(send(*topics, after_s=after_s), attached.loop)
    elif settings.REDIS_URL and not async_to_sync(sent)(*topics):
        Ring.objects.bulk_create([Ring(topic=topic, sender=SENDER) for topic in topics])


async def send(*topics: str, after_s: float = 0) -> None:
    """Rings the groups of these topics, later where that cannot be now."""
    if after_s:
        await asyncio.sleep(after_s)
    if not await sent(*topics):
        missed.topics.update(topics)
        missed.until = None


async def sent(*topics: str) -> bool:
    """Whether they were rung. What was committed stays committed when nobody can be told."""
    layer = get_channel_layer()
    try:
        for topic in topics:
            await layer.group_send(topic, {"type": "ring", "topic": topic})
    except Exception as error:  # noqa: BLE001 - whatever the layer's server did to us
        logger.warning("The doorbell could not ring %s: %s", ", ".join(topics), error)
        return False
    return True


async def missed_rung() -> None:
    """Rings what was missed, once a second, until those who listen surely listen again."""
    now = time.monotonic()
    if not missed.topics or now < missed.next_at:
        return
    missed.next_at = now + AGAIN_EVERY_S
    if not await sent(*missed.topics):
        missed.until = None
    elif missed.until is None:
        missed.until = now + LISTEN_AGAIN_S
    elif now >= missed.until:
        missed.topics.clear()
        missed.until = None


async def watch() -> None:
    """Rings for what other processes committed; runs for as long as the server does."""
    cursor = await sync_to_async(last_ring)()
    version = None
    while True:
        await asyncio.sleep(WATCH_INTERVAL_S)
        await missed_rung()
        try:
            seen = await sync_to_async(data_version)()
            if seen is not None and seen == version:
                continue
            version = seen
            cursor, topics = await sync_to_async(foreign_rings)(cursor)
            await send(*topics)
        except Exception:
            logger.exception("The doorbell missed a turn")


def data_version() -> int | None:
    """SQLite's counter of commits by other connections; None where there is no such counter."""
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])


def last_ring() -> int:
    newest = Ring.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def foreign_rings(cursor: int) -> tuple[int, list[str]]:
    """What others rang after `cursor`: the new cursor and the topics, each once."""
    rows = list(Ring.objects.filter(pk__gt=cursor).order_by("pk").values_list("pk", "topic", "sender"))
    if not rows:
        return cursor, []
    if rows[-1][0] % 1000 < len(rows):
        Ring.objects.filter(pk__lt=rows[-1][0] - RING_KEPT_ROWS).delete()
    return rows[-1][0], list(dict.fromkeys(topic for _, topic, sender in rows if sender != SENDER))
