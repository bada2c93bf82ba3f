"""One door for commands: parse, record, call the verb, answer with one JSON-able object.

Example::

    execute("clone base=demo name=web", actor=actor)   # {"success": True, "operation": "clone", …}
"""

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.secret import SECRET_WORDS, is_secret
from audit.services import Actor, operation
from bases.imports import brought_in, import_file, import_folder
from clones.file_models import FileCopy
from commands.language import Command, CommandError, parse_command
from cowweb.errors import DomainError, ForbiddenError, NotFoundError, UnsupportedError
from hosts.drivers.errors import DriverError, TimedOut
from people.models import Token
from provisioning.models import Run

logger = logging.getLogger(__name__)

Result = dict[str, Any]
TARGET_KEYS = {
    "name": "clone",
    "vm": "clone",
    "base": "base",
    "from": "clone",
    "script": "script",
    "run": "run",
    "copy": "copy",
    "finding": "finding",
    "user": "user",
    "team": "team",
    "default_of": "quota",
    "request": "request",
    "session": "session",
}
# the first that is there
TARGETS = (
    "script",
    "run",
    "copy",
    "finding",
    "name",
    "vm",
    "base",
    "from",
    "user",
    "team",
    "default_of",
    "request",
    "session",
)
READING = {
    "help",
    "list_bases",
    "list_templates",
    "show_pool",
    "list_revisions",
    "list_images",
    "parse",
    "list",
    "status",
    "inspect",
    "list_scripts",
    "list_bin",
    "list_teams",
    "list_idle",
    "list_copies",
    "show_script",
    "list_runtimes",
    "logs",
    "quota",
    "list_quotas",
    "list_requests",
    "security_audit",
    "list_sessions",
    "list_findings",
}
SCRIPT_VERBS = ("save_script", "show_script", "remove_script")
RUNTIME_VERBS = ("register_runtime", "remove_runtime", "install_runtime")
TEXT = "text"  # what a script is sent may be a password
# what is given for a secret has no place in a line
SECRET_VALUE = re.compile(rf"\b(\w*(?:{'|'.join(SECRET_WORDS)})\w*|{TEXT})\s*=.*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and how their door differs: the shell may read its user's files, pages do not wait."""

    actor: Actor
    waits: bool = True
    reads_own_files: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)  # of a script, beside the line
    on_run: Callable[[Run], None] | None = field(default=None)
    on_copy: Callable[[FileCopy], None] | None = field(default=None)

    def file(self, text: str, *, key: str) -> Path:
        """The file that a path in a command names."""
        if self.reads_own_files and (Path(text).is_file() or Path(text).is_absolute()):
            return import_file(brought_in(Path(text), field=key), field=key)
        return import_file(text, field=key)

    def taken_file(self, text: str, *, key: str) -> Path:
        """A file that is taken at once: the shell's own is read in place, and no copy is left."""
        if self.reads_own_files and Path(text).is_file() and os.access(text, os.R_OK):
            return Path(text).resolve()
        return self.file(text, key=key)

    def parcel(self, text: str, *, key: str) -> Path:
        """The file or folder that a path in a command names; the shell's own are read in place."""
        if self.reads_own_files and Path(text).exists():
            return Path(text).absolute()
        try:
            return import_folder(text, field=key)
        except NotFoundError:
            return self.file(text, key=key)


Verb = Callable[[Command, Caller], Result]


def execute(text: str, *, caller: Caller, verbs: dict[str, Verb]) -> Result:
    """Carries out one command. Never raises for what the user or the host did wrong."""
    try:
        command = parse_command(text)
    except CommandError as error:
        return unparsed(text, error, caller.actor)
    try:
        with operation(
            caller.actor, command.verb, target=target_of(command), params=params_of(command)
        ) as op:
            in_scope(command.verb, caller.actor)
            result = verb_of(command, verbs)(command, caller)
            if not result.get("success", True):
                raise FailedResult(result)
            del op
    except FailedResult as failed:
        return {"success": False, "operation": command.verb, **failed.result}
    except DomainError as error:
        return {**refusal(command.verb, str(error), error.code), **error.facts}
    except TimedOut as error:
        return refusal(command.verb, str(error), "timeout")
    except DriverError as error:
        return refusal(command.verb, str(error), "host_error")
    return {"success": True, "operation": command.verb, **result}


def verb_of(command: Command, verbs: dict[str, Verb]) -> Verb:
    """The function of a verb; the language has some that this site cannot carry out yet."""
    if command.verb not in verbs:
        raise UnsupportedError(f"{command.verb} cannot be carried out by this site yet")
    return verbs[command.verb]


def in_scope(verb: str, actor: Actor) -> None:
    """A token may be for less than its account."""
    if actor.scope == Token.Scope.READ and verb not in READING:
        raise ForbiddenError(f"This token only reads: {', '.join(sorted(READING))}")


class FailedResult(Exception):
    """A verb that did its work and whose result is a failure, such as a script's exit status.

    No `DomainError`: nothing was refused, and the audit says so.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result.get("error", ""))
        self.result = result


def unparsed(text: str, error: CommandError | DomainError, actor: Actor) -> Result:
    """A line that is no command is an entry too."""
    verb = text.split(" ", 1)[0][:40] or "(empty)"
    try:
        with operation(actor, "command", params={"line": SECRET_VALUE.sub(r"\1=…", text)[:200]}):
            raise DomainError(str(error), code=error.code)
    except DomainError:
        return refusal(verb, str(error), error.code)


def refusal(verb: str, sentence: str, code: str) -> Result:
    return {"success": False, "operation": verb, "output": sentence, "error": sentence, "code": code}


def target_of(command: Command) -> str:
    """What the command is about, for the audit: `clone:web`, `base:demo`, …"""
    if command.verb in ("register_base", "import_base"):
        return f"base:{command.values['name']}"
    if command.verb in RUNTIME_VERBS:
        return f"runtime:{command.values['name']}"
    if command.verb in SCRIPT_VERBS:
        return f"script:{command.values['name']}"
    for key in ("from", "base") if command.verb == "clone" else TARGETS:
        if key in command.values:
            return f"{TARGET_KEYS[key]}:{command.values[key]}"
    return ""


def params_of(command: Command) -> dict[str, str]:
    return {
        key: "…" if key == TEXT or is_secret(key) else value
        for key, value in {**command.values, **command.extra}.items()
    }
