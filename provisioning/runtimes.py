"""The runtimes that guests need and the site brings: a REXX interpreter for bases that have none.

What a base has is used as it is. Otherwise the site's runtime is copied in: the file of
`COWWEB_RUNTIME_REXX`, or Debian's Regina with its libraries, built on first use.
"""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from bases.store import digest_of
from cowweb.errors import DomainError
from hosts.drivers.base import CancelSignal, Guest
from hosts.drivers.build import build_rexx_runtime

FOLDER = ".cowweb/rexx"
PROBE = (
    "r=$(command -v rexx || { [ -x $HOME/.cowweb/rexx/rexx ] && echo $HOME/.cowweb/rexx/rexx; }) || exit 3; "
    'echo "$r"; "$r" -v </dev/null 2>&1 | head -n 1'
)
UNPACK = 'mkdir -p "$HOME/{folder}" && tar -xf - -C "$HOME/{folder}"'
PLACE = 'mkdir -p "$HOME/{folder}" && cat > "$HOME/{folder}/rexx" && chmod 755 "$HOME/{folder}/rexx"'
PROBE_S = 30.0
BRING_S = 120.0


@dataclass(frozen=True, slots=True)
class Rexx:
    """A REXX that is in the guest: the command that reads a script from stdin, and a word about it."""

    command: str
    note: str


def rexx_in(guest: Guest, *, cancel: CancelSignal | None = None) -> Rexx:
    """Finds the guest's REXX, or brings the site's."""
    found = rexx_found(guest, cancel=cancel)
    if found:
        return Rexx(found, "REXX is there")
    runtime = site_runtime()
    digest = digest_of(runtime)
    form = UNPACK if runtime.suffix == ".tar" else PLACE
    brought = guest.run(
        form.format(folder=FOLDER), stdin=runtime.read_bytes(), timeout_s=BRING_S, cancel=cancel
    )
    found = rexx_found(guest, cancel=cancel)
    if brought.exit_code or not found:
        words = brought.stderr.decode(errors="replace").strip()
        raise DomainError(f"The REXX runtime {runtime.name} does not run in this guest. {words}".strip())
    return Rexx(found, f"brought {runtime.name}, sha256 {digest[:12]}")


def rexx_found(guest: Guest, *, cancel: CancelSignal | None = None) -> str:
    """The command that reads REXX from stdin in this guest; empty when there is none.

    Regina reads a script from plain stdin and refuses `--stdin`; RexxJS wants the flag.
    """
    probe = guest.run(PROBE, timeout_s=PROBE_S, cancel=cancel)
    lines = probe.stdout.decode(errors="replace").splitlines()
    if probe.exit_code == 3 or not lines:
        return ""
    is_regina = "regina" in " ".join(lines[1:]).lower()
    return lines[0] if is_regina else f"{lines[0]} --stdin"


def site_runtime() -> Path:
    """The file that is brought: a tar archive with `rexx` in it, or one executable."""
    if settings.COWWEB_RUNTIME_REXX:
        path = Path(settings.COWWEB_RUNTIME_REXX)
        if not path.is_file():
            raise DomainError(f"COWWEB_RUNTIME_REXX={path} is no file", code="host_error")
        return path
    return build_rexx_runtime(cache=Path(settings.COWWEB_CACHE))
