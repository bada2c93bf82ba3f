"""Tells syslog and a webhook of every record, in order, from the server's background work.

Each place has a row that says how far it has come. That moves only when a portion was taken, so nothing is
lost; what was taken and not noted (a crash, an answer that got lost) comes again with the numbers that it
had, so that nothing is doubled unnoticed.
"""

import http.client
import itertools
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Min
from django.utils import timezone

from audit.models import ChainHead, Stream
from audit.sinks import SinkError, Webhook, syslog_send, webhook_send
from audit.walk import Record, records
from cowweb.live import ring

logger = logging.getLogger(__name__)

Send = Callable[[Sequence[Record], str], None]
PORTION = 200
PORTIONS_A_TURN = 20
LONGEST_WAIT_S = 300
NOT_TAKEN = (SinkError, OSError, http.client.HTTPException)


def configured() -> dict[str, Send]:
    """The places that the settings name."""
    places: dict[str, Send] = {}
    if target := settings.COWWEB_AUDIT_SYSLOG:
        places["syslog"] = lambda portion, chain: syslog_send(target, portion, chain)
    if settings.COWWEB_AUDIT_WEBHOOK:
        webhook = Webhook(settings.COWWEB_AUDIT_WEBHOOK, settings.COWWEB_AUDIT_WEBHOOK_SECRET)
        places["webhook"] = lambda portion, chain: webhook_send(webhook, portion, chain)
    return places


def records_streamed() -> None:
    """A turn: every place gets what is new; one that does not take it is left alone for a while."""
    head = ChainHead.objects.filter(pk=1).first()
    for name, send in configured().items() if head else ():
        # a place is told of what comes from when it is named on
        stream, _ = Stream.objects.get_or_create(name=name, defaults={"seq": head.seq if head else 0})
        if head and (stream.next_at is None or stream.next_at <= timezone.now()):
            sent(stream, send, head)


def sent(stream: Stream, send: Send, head: ChainHead) -> None:
    for _ in range(PORTIONS_A_TURN):
        portion = list(itertools.islice(records(stream.seq, head.seq), PORTION))
        if not portion:
            return
        try:
            send(portion, head.chain)
        except NOT_TAKEN as error:
            put_off(stream, error)
            return
        if not taken(stream, portion[-1].said["seq"]):
            return


def taken(stream: Stream, seq: int) -> bool:
    """Notes how far it has come; False where another process was at it too."""
    moved = Stream.objects.filter(pk=stream.pk, seq=stream.seq).update(
        seq=seq, failures=0, failure="", next_at=None, sent_at=timezone.now()
    )
    stream.seq = seq
    return bool(moved)


def put_off(stream: Stream, error: Exception) -> None:
    """Twice as long each time, up to five minutes."""
    wait = timedelta(seconds=min(2 ** min(stream.failures, 10), LONGEST_WAIT_S))
    words = str(error) or type(error).__name__
    logger.warning("The audit record was not taken by %s: %s", stream.name, words)
    Stream.objects.filter(pk=stream.pk).update(
        failures=F("failures") + 1, failure=words[:500], next_at=timezone.now() + wait
    )
    ring("audit")


def in_use() -> list[Stream]:
    return list(Stream.objects.filter(name__in=configured()).order_by("name"))


def all_told(last: int) -> int:
    """How far every place in use has come, at most to `last`: what is beyond is not to leave the tables."""
    least = Stream.objects.filter(name__in=configured()).aggregate(least=Min("seq"))["least"]
    return last if least is None else min(last, least)
