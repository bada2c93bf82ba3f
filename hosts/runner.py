"""The in-process runner: the server's loop takes queued jobs and does them in worker threads.

Worker threads descend from the loop, so what they ring arrives at once.
"""

import asyncio
import contextlib
import logging
import time

from channels.layers import get_channel_layer
from django.conf import settings

from cowweb.threads import in_thread
from hosts.jobs import TOPIC, execute, queued_ids, requeue_orphans, taker, work
from hosts.models import Job

logger = logging.getLogger(__name__)

SWEEP_S = 5.0


class Runner:
    """Runs until cancelled. At most `COWWEB_PARALLEL_JOBS` jobs at once."""

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(settings.COWWEB_PARALLEL_JOBS)
        self.underway: dict[int, asyncio.Task[None]] = {}
        self.swept = -SWEEP_S
        self.channel = ""

    async def run(self) -> None:
        self.loop = asyncio.get_running_loop()
        taker.takes = self.takes
        try:
            while True:
                await self.turn()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.rung(), SWEEP_S)
        finally:
            taker.takes = None

    async def rung(self) -> None:
        """Returns when someone rings. Without a doorbell the queue is looked at now and then all the same."""
        layer = get_channel_layer()
        try:
            if not self.channel:
                channel = await layer.new_channel()
                await layer.group_add(TOPIC, channel)
                self.channel = channel
            await layer.receive(self.channel)
        except Exception:
            logger.exception("The runner cannot hear the doorbell")
            self.channel = ""
            await asyncio.sleep(SWEEP_S)

    def takes(self, job: Job) -> bool:
        """A job of this process, from any of its threads: begun at once, without a look at the queue."""
        if job.state == Job.State.QUEUED and self.slots.locked():
            return False
        self.loop.call_soon_threadsafe(self.begin, job.pk, job)
        return True

    def begin(self, job_id: int, job: Job | None = None) -> None:
        if job_id not in self.underway:
            self.underway[job_id] = asyncio.create_task(self.do(job_id, job))

    async def turn(self) -> None:
        """One look at the queue, in a thread of its own: the pages' thread may have much to draw."""
        try:
            waiting = await in_thread(self.look)
        except Exception:
            logger.exception("The runner could not look at the queue")
            return
        for job_id in waiting:
            self.begin(job_id)

    def look(self) -> list[int]:
        """What is queued; from time to time also what dead workers left."""
        now = time.monotonic()
        if now - self.swept >= SWEEP_S:
            self.swept = now
            requeue_orphans()
        return queued_ids()

    async def do(self, job_id: int, job: Job | None) -> None:
        """`job`: where it is known, and perhaps ours already."""
        try:
            async with self.slots:
                if job and job.state == Job.State.RUNNING:
                    await in_thread(execute, job)
                else:
                    await in_thread(work, job_id)
        except Exception:
            logger.exception("Job %s could not be worked on", job_id)
        finally:
            self.underway.pop(job_id, None)
