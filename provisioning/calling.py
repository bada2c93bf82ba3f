"""How a run's script is called in its guest: by a runtime found or brought, or as its shebang says."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from hosts.drivers.base import Guest
from hosts.drivers.errors import TimedOut
from provisioning.header.interpreter import Interpreter, program_of
from provisioning.known_runtimes import known_runtimes, runtimes_of
from provisioning.launch import Launch, launch_of
from provisioning.runtimes import Ready, runtime_in, seen_in
from provisioning.work import Work

Look = Callable[..., Ready | None]
OWN_SHELL = "the guest's own shell"
BROUGHT = "/.cowweb/"
NOT_FOUND = 127
LOOK_BESIDES_S = 5.0  # for what only the page of the base tells


@dataclass(frozen=True, slots=True)
class Calling:
    launch: Launch
    note: str  # a word about what calls it
    by_runtime: bool  # whether one was found or brought for it


def called(work: Work, guest: Guest, *, as_cloned: bool) -> Calling:
    """`as_cloned`: the guest's disk is still that of its revision."""
    run, interpreter = work.run, work.parsed.interpreter
    revision = work.clone.revision if as_cloned else None
    look = partial(runtime_in, guest, revision=revision, cancel=work.stop)
    asked = known_runtimes().filter(name=run.runtime_asked).first() if run.runtime_asked else None
    extra = look([asked]) if asked else None
    own = own_runtime(look, language_of(interpreter), extra, optional=interpreter.kind != "rexx")
    by_shebang = interpreter.kind == "shebang" and own is not None and BROUGHT not in own.path
    caller = own.caller if own and not by_shebang else None
    if revision and not (own or extra):
        with suppress(TimedOut):  # the script itself needs none of them
            seen_in(guest, revision, within_s=LOOK_BESIDES_S, cancel=work.stop)
    notes = dict.fromkeys(one.note for one in (extra, own) if one)
    launch = launch_of(work.parsed, caller, interactive=run.interactive)
    return Calling(launch, "; ".join(notes) or left_to(interpreter), bool(caller or extra))


def own_runtime(look: Look, language: str, extra: Ready | None, *, optional: bool) -> Ready | None:
    """The runtime of the script's language; None where it is the guest's matter."""
    if extra and extra.runtime.language == language:
        return extra
    wanted = runtimes_of(language)
    return look(wanted, optional=optional) if wanted else None


def left_to(interpreter: Interpreter) -> str:
    """What runs a script that no runtime of the site is for."""
    return f"its first line: {' '.join(interpreter.argv)}" if language_of(interpreter) else OWN_SHELL


def not_found(interpreter: Interpreter, exit_code: int) -> str:
    """A word on a script whose first line names what the guest seems not to have."""
    program = language_of(interpreter)
    if exit_code != NOT_FOUND or interpreter.kind != "shebang" or not program or runtimes_of(program):
        return ""
    return f": the guest seems to have no {program}, and the site knows no runtime of this name"


def language_of(interpreter: Interpreter) -> str:
    """What the runtimes are asked for; empty for the shell, which every guest is spoken to through."""
    if interpreter.kind == "rexx":
        return "rexx"
    program = program_of(interpreter.argv) if interpreter.kind == "shebang" else ""
    return "" if program == "sh" else program
