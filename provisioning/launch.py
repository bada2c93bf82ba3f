"""How a script is run in the guest: which interpreter, over stdin or from a file.

REXX goes to its runtime's stdin, so no file of the script stays in the guest. Everything else is written to
a file that only its user can read, run with an empty stdin, and removed.

Example::

    launch_of(parsed, Caller("rexx --stdin", 'rexx "$f"')).command
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.header import Parsed

FROM_FILE = (
    'umask 077; f=$(mktemp "${{TMPDIR:-/tmp}}/cowweb.XXXXXX") || exit 125; '
    'head -c {size} > "$f" || exit 125; '
    '{call} "$@" < /dev/null; status=$?; rm -f "$f"; exit $status'
)
# The script's own bytes are taken exactly, so that what is sent to it afterwards is the interpreter's.
FROM_FILE_FED = (
    'umask 077; f=$(mktemp "${{TMPDIR:-/tmp}}/cowweb.XXXXXX") || exit 125; '
    'dd bs={size} count=1 iflag=fullblock of="$f" 2>/dev/null || exit 125; '
    '{call} "$@"; status=$?; rm -f "$f"; exit $status'
)


@dataclass(frozen=True, slots=True)
class Caller:
    """How a runtime in the guest is called, as shell text; the script's file is `"$f"`."""

    from_stdin: str
    from_file: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A shell command for the guest and the bytes it is fed."""

    command: str
    stdin: bytes


def launch_of(parsed: Parsed, caller: Caller | None = None, *, interactive: bool = False) -> Launch:
    """The launch of a script, by the runtime that was found for it or else by what its shebang names. An
    interactive one is called from a file, as its stdin is for what people send."""
    text = parsed.text.encode()
    if caller and caller.from_stdin and parsed.interpreter.by_stdin and not interactive:
        return Launch(caller.from_stdin, text)
    words = " ".join(shlex.quote(word) for word in parsed.interpreter.argv) + ' "$f"'
    form = FROM_FILE_FED if interactive else FROM_FILE
    call = caller.from_file if caller else words
    return Launch(form.format(size=len(text), call=call), text)


def with_environment(command: str, variables: Mapping[str, str]) -> str:
    """The command, for the same shell, after these variables; what it starts has them too."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return exports + command
