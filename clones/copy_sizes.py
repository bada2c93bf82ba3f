"""How much will come out of a guest, asked before it comes, so that a copy can say how far it is.

Example::

    size_in_guest(guest, "/var/log")     # 12_288: as much as its archive will have
"""

from hosts.drivers.base import Guest
from hosts.drivers.errors import DriverError
from hosts.drivers.run_token import quoted

ASK_S = 10.0
BLOCK = 512  # of an archive: a header for each entry, and its content in whole blocks
SIZES = f"""
cd {{path}} 2>/dev/null || exec stat -L -c %s {{path}}
find . -exec stat -c '%F|%s' {{{{}}}} + | awk -F'|' '
  {{{{ total += {BLOCK} }}}}
  /^regular/ {{{{ total += int(($2 + {BLOCK - 1}) / {BLOCK}) * {BLOCK} }}}}
  END {{{{ printf "%.0f\\n", total + 2 * {BLOCK} }}}}'
"""


def size_in_guest(guest: Guest, path: str) -> int | None:
    """Bytes of a file, or of what a folder will be on its way; None where the guest cannot say in time."""
    try:
        result = guest.run(SIZES.format(path=quoted(path)), timeout_s=ASK_S)
    except DriverError:
        return None
    said = result.stdout.decode(errors="replace").strip()
    return int(said) if result.exit_code == 0 and said.isascii() and said.isdigit() else None
