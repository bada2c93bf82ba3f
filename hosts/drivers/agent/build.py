"""The agent's binary: compiled here from the sources beside this file, once for each state of them.

Example::

    binary = agent_binary(Path.home() / ".cache/cowweb")
"""

import hashlib
import tempfile
from pathlib import Path

from hosts.drivers.errors import DriverError, NotFound
from hosts.drivers.process import program, run

SOURCES = Path(__file__).parent
FLAGS = (
    *("-std=gnu11", "-static", "-Os", "-s", "-Wall"),
    *("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,--build-id=none"),
)
COMPILE_S = 120.0
NEEDED = "The guest agent is compiled on this host: install the packages gcc and libc6-dev"


def agent_binary(cache: Path) -> Path:
    """A static program for any x86_64 Linux guest. NotFound names the packages that are missing."""
    place = cache / "agent" / f"cowweb-agent-{_digest()}"
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="work-") as work:
        made = Path(work, "cowweb-agent")
        _compile(made)
        made.chmod(0o755)
        made.replace(place)
    return place


def _digest() -> str:
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for source in sorted((*SOURCES.glob("*.c"), *SOURCES.glob("*.h"))):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _compile(target: Path) -> None:
    try:
        program("gcc")
        run(["gcc", *FLAGS, "-o", str(target), *map(str, sorted(SOURCES.glob("*.c")))], timeout_s=COMPILE_S)
    except NotFound:
        raise NotFound(NEEDED) from None
    except DriverError as error:
        missing = "No such file or directory" in error.stderr or "cannot find -lc" in error.stderr
        raise (NotFound(NEEDED, stderr=error.stderr) if missing else error) from None
