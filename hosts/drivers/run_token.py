"""Marking a command in the guest, so that everything it started can be found and ended.

The command gets `COWWEB_RUN=<token>` in its environment, which every child inherits, also one that
detached itself, changed its session or lost its parent. Children that dropped it are found as descendants.

Example::

    token = new_token()
    guest.run(marked("make all", token))
    left = left_over(guest.run("sh -s", stdin=ending_script(token)).stdout)    # 0: all are gone
"""

import re
import secrets
import shlex
from importlib import resources

from hosts.drivers.errors import DriverError, Refused

VARIABLE = "COWWEB_RUN"
TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)
ENDED = re.compile(rb"^left (\d{1,6})$", re.MULTILINE)
AS_ROOT = "exec sh -s"
# As root where the user may: what was started through sudo is not the user's to end.
AS_USER = "if sudo -n true 2>/dev/null; then exec sudo -n sh -s; else exec sh -s; fi"
SCRIPT = resources.files("hosts.drivers").joinpath("end_run.sh").read_text(encoding="utf-8")


def new_token() -> str:
    return secrets.token_hex(16)


def checked(token: str) -> str:
    if not TOKEN.fullmatch(token):
        raise Refused("a run's token is 32 hexadecimal digits")
    return token


def marked(command: str, token: str) -> str:
    """The command after the mark, for the same shell: starting another one costs time in the guest."""
    if "\0" in command:
        raise Refused("a command cannot hold a NUL character")
    return f"export {VARIABLE}={checked(token)}\n{command}"


def quoted(text: str) -> str:
    if "\0" in text:
        raise Refused("a file name cannot hold a NUL character")
    return shlex.quote(text)


def ending_script(token: str) -> bytes:
    """The script is fed by stdin: on a command line the token would mark the script itself."""
    return SCRIPT.replace("@TOKEN@", checked(token)).encode()


def left_over(stdout: bytes) -> int | None:
    """How many processes could not be ended; None when the script gave no answer."""
    found = ENDED.search(stdout)
    return int(found[1]) if found else None


def with_outcome(stopped: DriverError, left: int | None) -> DriverError:
    """The same error, which also says what came of the processes that were to be ended."""
    return type(stopped)(f"{stopped}; {in_words(left)}", guest_silent=left is None)


def in_words(left: int | None) -> str:
    if left is None:
        return "whether its processes ended could not be learned"
    if left:
        return f"{left} of its processes could not be ended"
    return "its processes were ended"
