"""The main job without a browser: clone the demo base, provision the examples, show the times, clean up."""

import asyncio
import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from audit.models import Via
from audit.services import Actor
from bases.models import BaseImage
from commands.dispatch import run_command
from commands.follow import Follower
from commands.service import Caller
from cowweb.people import local_administrator

EXAMPLES = [("hello.rexx", True), ("web.sh", True), ("fails.sh", False)]
ROW = "{:<12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  {}"
COLUMNS = ("clone_ms", "start_ms", "ready_ms", "runtime_ms", "script_ms", "release_ms")

Result = dict[str, Any]


class Command(BaseCommand):
    help = "Clones the demo base and runs the example scripts on it, through the same services as the pages"

    def handle(self, *args: Any, **options: Any) -> None:
        if not BaseImage.objects.usable().filter(name="demo").exists():
            call_command("build_base", "tiny", register="demo", stdout=self.stdout, stderr=self.stderr)
        self.actor = Actor(user=local_administrator(), via=Via.SHELL, agent="manage.py demo")
        self.made: list[str] = []
        try:
            cloned = self.cloned()
            runs = [(name, should, self.provisioned(name)) for name, should in EXAMPLES]
        finally:
            self.clean_up()
        self.table(cloned, runs)
        wrong = [name for name, should, result in runs if result["success"] is not should]
        if wrong or not cloned["success"]:
            self.stderr.write(f"Not as expected: {', '.join(wrong) or cloned['output']}")
            sys.exit(1)
        self.stdout.write("Everything went as it should; the failing example was reported as failed.")

    def did(self, line: str) -> Result:
        """One command, shown with what it prints while it is at work."""
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n$ cow {line}"))
        follower = Follower(lambda text: self.stdout.write(f"  | {text}"), self.actor)
        caller = Caller(actor=self.actor, reads_own_files=True, on_run=follower.begun)
        result: Result = asyncio.run(follower.watch(lambda: run_command(line, caller)))
        for printed in result.get("stdout", "").splitlines() if "run" not in result else ():
            self.stdout.write(f"  | {printed}")
        self.stdout.write(result["output"])
        return result

    def cloned(self) -> Result:
        result = self.did("clone base=demo")
        if result["success"]:
            self.made.append(result["name"])
            self.did(f"execute vm={result['name']} command='uname -sr; uptime'")
        return result

    def provisioned(self, name: str) -> Result:
        result = self.did(f"provision script=examples/{name}")
        if "vm" in result:
            self.made.append(result["vm"])
        return result

    def clean_up(self) -> None:
        for name in self.made:
            self.did(f"remove name={name}")

    def table(self, cloned: Result, runs: list[tuple[str, bool, Result]]) -> None:
        heads = [column.removesuffix("_ms") + " ms" for column in COLUMNS]
        self.stdout.write("\n" + self.style.MIGRATE_HEADING(ROW.format("", *heads, "how it ended")))
        times = cloned.get("timings", {})
        first = [figure(times.get(key)) for key in ("disk_ms", "start_ms", "ready_ms")]
        self.stdout.write(ROW.format("clone", *first, "", "", "", "ready"))
        for name, _, result in runs:
            figures = [figure(result.get("timings", {}).get(column)) for column in COLUMNS]
            self.stdout.write(ROW.format(name, *figures, f"exit status {result.get('exitCode')}"))


def figure(ms: float | None) -> str:
    return "" if ms is None else f"{ms:.0f}"
