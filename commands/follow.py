"""A run's output in a terminal, as it happens, while the command that made the run is at work."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async

from audit.services import Actor
from cowweb.errors import DomainError
from cowweb.threads import in_thread
from provisioning.going_on import run_cancel
from provisioning.models import Run
from provisioning.output import lines_after

POLL_S = 0.05
COLOURS_END = "\x1b[0m"  # no line of a guest colours or hides the next


class Follower:
    """Prints the lines of the run that a command makes."""

    def __init__(self, write: Callable[[str], object], actor: Actor) -> None:
        self.write, self.actor = write, actor
        self.run: Run | None = None
        self.cursor = 0

    def begun(self, run: Run) -> None:
        self.run = run

    def print_news(self) -> None:
        """Writes what came since the last look."""
        while self.run and (lines := lines_after(self.run.pk, self.cursor)):
            for stream, _, text in lines:
                ended = f"{text}{COLOURS_END}" if "\x1b" in text else text
                self.write(f"! {ended}" if stream == "stderr" else ended)
            self.cursor += len(lines)

    def cancel(self) -> None:
        """Ctrl-C asks the run to end, and waits until it has."""
        if self.run:
            try:
                run_cancel(run=self.run, actor=self.actor)
            except DomainError as error:
                self.write(str(error))

    async def watch(self, work: Callable[[], Any]) -> Any:
        """Does the work in a thread and prints beside it."""
        job = asyncio.create_task(in_thread(work))
        while True:
            try:
                done, _ = await asyncio.wait({job}, timeout=POLL_S)
                await sync_to_async(self.print_news)()
                if done:
                    return await job
            except asyncio.CancelledError:
                if task := asyncio.current_task():
                    task.uncancel()
                sys.stderr.write("Cancelling …\n")
                await sync_to_async(self.cancel)()
