"""One command of the command language, in the shell: `manage.py cow "clone base=demo"`."""

import asyncio
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from audit.models import Via
from audit.services import Actor
from commands.dispatch import run_command
from commands.follow import Follower
from commands.service import Caller
from cowweb.clean import CONTROLS, plain_text
from cowweb.errors import DomainError
from cowweb.people import user_named
from people.shell import account

ACTED_ON = {chr(code) for code in CONTROLS if code >= 0x7F}  # JSON itself escapes those below


def parameters_in(name: str) -> dict[str, str]:
    """The JSON object in this file; empty without one. No value is quoted in a refusal."""
    if not name:
        return {}
    try:
        given = json.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise DomainError(f"--parameters {name} is no JSON object of texts", field="parameters")
    return given


def shown(text: str, *, on_screen: bool) -> str:
    """A guest's words: whole into a file or pipe; on somebody's terminal they move and copy nothing."""
    return plain_text(text) if on_screen else text


def printable(text: str) -> str:
    """JSON that a terminal takes for text: what it would act on is written as an escape."""
    return "".join(f"\\u{ord(letter):04x}" if letter in ACTED_ON else letter for letter in text)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Whoever read our output (`| head`) has enough: the rest of it goes nowhere, and is no failure."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Command(BaseCommand):
    requires_system_checks = ()  # they load every page; the server and `make check` make them
    help = "Runs one command of the command language, for example: cow 'clone base=demo name=web'"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("line", help="the command, quoted: verb key=value …")
        parser.add_argument("--json", action="store_true", help="print the result object")
        parser.add_argument(
            "--parameters",
            default="",
            metavar="FILE",
            help="the script's parameters as a JSON object of texts, secret ones too; - is standard input",
        )
        parser.add_argument("--as", dest="user", default="", metavar="USER", help="who acts")

    def handle(self, *args: Any, line: str, json: bool, user: str, parameters: str, **options: Any) -> None:
        try:
            typed_by = account() if user else ""
            actor = Actor(user=user_named(user), via=Via.SHELL, agent="manage.py cow", on_behalf_of=typed_by)
            given = parameters_in(parameters)
        except DomainError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        follower = Follower(self.stderr.write if json else self.stdout.write, actor, self.line_again())
        caller = Caller(
            actor=actor,
            reads_own_files=True,
            parameters=given,
            on_run=follower.begun,
            on_copy=follower.copy_begun,
        )
        result = asyncio.run(follower.watch(lambda: run_command(line, caller)))
        with reader_may_leave():
            self.tell(result, as_json=json)
        sys.exit(0 if result["success"] else 1)

    def line_again(self) -> Callable[[str], object] | None:
        """Writes one line over and over, where somebody looks."""
        if not self.stderr.isatty():
            return None
        return lambda text: self.stderr.write(f"\r\x1b[K{plain_text(text)}", style_func=str, ending="")

    def tell(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(printable(json.dumps(result, indent=2, ensure_ascii=False)))
            return
        for text in (result.get("logs"), result.get("stdout") if "run" not in result else None):
            if text:
                self.stdout.write(shown(text.rstrip("\n"), on_screen=self.stdout.isatty()))
        if result.get("stderr") and "run" not in result:
            self.stderr.write(shown(result["stderr"].rstrip("\n"), on_screen=self.stderr.isatty()))
        (self.stdout if result["success"] else self.stderr).write(result["output"])
