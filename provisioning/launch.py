"""How a script is run in the guest: which interpreter, over stdin or from a file.

REXX goes to its runtime's stdin, so no file of the script stays in the guest. Everything else is written to
a file that only its user can read, run with an empty stdin, and removed.

Example::

    launch_of(parsed, rexx="rexx --stdin").command
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.header import Parsed

FROM_FILE = (
    'umask 077; f=$(mktemp "${{TMPDIR:-/tmp}}/cowweb.XXXXXX") || exit 125; '
    'head -c {size} > "$f" || exit 125; '
    '{interpreter} "$f" "$@" < /dev/null; status=$?; rm -f "$f"; exit $status'
)


@dataclass(frozen=True, slots=True)
class Launch:
    """A shell command for the guest and the bytes it is fed."""

    command: str
    stdin: bytes


def launch_of(parsed: Parsed, *, rexx: str = "") -> Launch:
    """The launch of a script; `rexx` is the guest's command that reads REXX from stdin."""
    text = parsed.text.encode()
    if parsed.interpreter.by_stdin:
        return Launch(rexx, text)
    interpreter = " ".join(shlex.quote(word) for word in parsed.interpreter.argv)
    return Launch(FROM_FILE.format(size=len(text), interpreter=interpreter), text)


def with_environment(command: str, variables: Mapping[str, str]) -> str:
    """The command, for the same shell, after these variables; what it starts has them too."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return exports + command
