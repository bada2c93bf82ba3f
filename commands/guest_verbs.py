"""The verbs that reach into a guest, or read what it left."""

from clones.actions import clone_execute, clone_logs
from clones.named import clone_named
from commands.base_verbs import number
from commands.language import Command
from commands.service import Caller, Result

DEFAULT_TIMEOUT_MS = 60_000
MOST_TIMEOUT_MS = 86_400_000
DEFAULT_LINES = 50
SHOWN_CHARACTERS = 1_000_000


def execute(command: Command, caller: Caller) -> Result:
    values = command.values
    timeout_ms = number(values.get("timeout", str(DEFAULT_TIMEOUT_MS)), key="timeout", most=MOST_TIMEOUT_MS)
    one = clone_named(values["vm"], caller.actor)
    done = clone_execute(clone=one, command=values["command"], timeout_ms=timeout_ms, actor=caller.actor)
    result: Result = {
        "vm": one.name,
        "exitCode": done.exit_code,
        "stdout": done.stdout.decode(errors="replace")[:SHOWN_CHARACTERS],
        "stderr": done.stderr.decode(errors="replace")[:SHOWN_CHARACTERS],
        "output": f"Exit status {done.exit_code}",
    }
    if done.exit_code == 0:
        return result
    sentence = f"The command ended with exit status {done.exit_code}"
    return {**result, "success": False, "output": sentence, "error": sentence, "code": "command_failed"}


def logs(command: Command, caller: Caller) -> Result:
    lines = number(command.values.get("lines", str(DEFAULT_LINES)), key="lines", most=10_000)
    one = clone_named(command.values["name"], caller.actor)
    text = clone_logs(clone=one, lines=lines, actor=caller.actor)
    return {
        "output": f"Serial console of {one.name}, {len(text.splitlines())} lines",
        "vm": one.name,
        "logs": text,
    }
