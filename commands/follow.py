"""A run's output, and how far a copy is, in a terminal while the command that made either is at work."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async

from audit.services import Actor
from clones.file_models import FileCopy
from clones.files import copy_cancel
from cowweb.errors import DomainError
from cowweb.threads import in_thread
from cowweb.wording import size
from provisioning.going_on import run_cancel
from provisioning.models import Run
from provisioning.output import lines_after

POLL_S = 0.05
COLOURS_END = "\x1b[0m"  # no line of a guest colours or hides the next


def progress(copy: FileCopy) -> str:
    done = size(copy.bytes_done)
    return f"{copy.percent} %, {done} of {size(copy.size)}" if copy.size else done


class Follower:
    """Prints the lines of the run that a command makes; `tell` is told again and again how far a copy is."""

    def __init__(
        self, write: Callable[[str], object], actor: Actor, tell: Callable[[str], object] | None = None
    ) -> None:
        self.write, self.actor, self.tell = write, actor, tell
        self.run: Run | None = None
        self.copy: FileCopy | None = None
        self.cursor = 0
        self.said = ""

    def begun(self, run: Run) -> None:
        self.run = run

    def copy_begun(self, copy: FileCopy) -> None:
        self.copy = copy

    def print_progress(self) -> None:
        if self.copy is None or self.tell is None:
            return
        self.copy.refresh_from_db()
        words = f"{self.copy.name}: {progress(self.copy)}"
        if words != self.said:
            self.said = words
            self.tell(words)

    def end_progress(self) -> None:
        if self.said and self.tell:
            self.tell("")

    def print_news(self) -> None:
        """Writes what came since the last look."""
        self.print_progress()
        while self.run and (lines := lines_after(self.run.pk, self.cursor)):
            for stream, _, text in lines:
                ended = f"{text}{COLOURS_END}" if "\x1b" in text else text
                self.write(f"! {ended}" if stream == "stderr" else ended)
            self.cursor += len(lines)

    def cancel(self) -> None:
        """Ctrl-C asks the run, or the copy, to end; whoever watches waits until it has."""
        try:
            if self.run:
                run_cancel(run=self.run, actor=self.actor)
            if self.copy:
                copy_cancel(copy=self.copy, actor=self.actor)
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
                    self.end_progress()
                    return await job
            except asyncio.CancelledError:
                if task := asyncio.current_task():
                    task.uncancel()
                sys.stderr.write("Cancelling …\n")
                await sync_to_async(self.cancel)()
