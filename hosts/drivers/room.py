"""Where machines' files can be reached by users that are not us.

A user of a machine's own must get to its disk, and to nothing else of the site: not to a file that somebody
put beside the database, however open its mode. Often a folder on the way is closed to everyone else as well,
as a home folder is. So QEMU starts in a mount namespace in which an empty folder stands in the place of what
is to be kept from it, with nothing in it but the folders that machines' files are in. One such room serves
all machines of this process; it lasts as long as the last QEMU in it.

Example::

    room_for((data / "store", data / "clones", memory), kept=data)      # "/proc/7/fd/5"
"""

import functools
import logging
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from hosts.drivers.errors import DriverError, Refused
from hosts.drivers.process import program

logger = logging.getLogger(__name__)

MAKE_S = 20.0
SEARCHABLE = 0o001
READY = b"made\n"
# $@: the closed folders, then "--", then those to show in their place. Opened first: they vanish below.
MAKE = """
set -e
closed=0
for each; do [ "$each" = -- ] && break; closed=$((closed + 1)); done
number=3
skip=$((closed + 1))
for each; do
    if [ $skip -gt 0 ]; then skip=$((skip - 1)); continue; fi
    eval "exec $number<\\"\\$each\\""
    number=$((number + 1))
done
for each; do
    [ "$each" = -- ] && break
    mount -n -t tmpfs -o mode=0711,size=64k,nosuid,nodev,noexec room "$each"
done
number=3
skip=$((closed + 1))
for each; do
    if [ $skip -gt 0 ]; then skip=$((skip - 1)); continue; fi
    (umask 066 && mkdir -p "$each")
    mount -n -c --rbind "/proc/self/fd/$number" "$each"
    number=$((number + 1))
done
echo made
read -r _
"""


@functools.lru_cache(maxsize=8)
def room_for(folders: tuple[Path, ...], *, kept: Path) -> str | None:
    """The namespace in which strangers reach these folders, and of `kept` nothing else; made once by each
    process. None where none can be made and nothing on the way is closed."""
    outer = [each for each in folders if not _below_another(str(each), map(str, folders))]
    closed = {each: _closed_above(each) for each in outer}
    hidden = {each: above or (kept if each.is_relative_to(kept) else None) for each, above in closed.items()}
    outermost = sorted({str(above) for above in hidden.values() if above})
    shown = [str(each) for each, above in hidden.items() if above]
    try:
        return _made([each for each in outermost if not _below_another(each, outermost)], shown)
    except DriverError as error:
        if any(closed.values()):
            raise
        logger.warning("Machines can read what is open to all in %s: %s", kept, error)
        return None


def _closed_above(folder: Path) -> Path | None:
    """The first folder on the way that others may not pass."""
    for each in reversed(folder.parents):
        if each.exists() and not each.stat().st_mode & SEARCHABLE:
            return each
    return None


def _below_another(path: str, others: Iterable[str]) -> bool:
    return any(path != other and Path(path).is_relative_to(other) for other in others)


def _made(closed: list[str], shown: list[str]) -> str:
    argv = [program("unshare"), "--mount", "--propagation", "slave", "--", "sh", "-c", MAKE, "room"]
    with subprocess.Popen(
        [*argv, *closed, "--", *shown],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
    ) as child:
        assert child.stdout and child.stderr and child.stdin
        try:
            if child.stdout.readline() != READY:
                words = child.stderr.read().decode(errors="replace").strip()
                raise Refused(f"no room could be made for machines: {words or 'unshare failed'}")
            descriptor = os.open(f"/proc/{child.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DriverError(f"no room could be made for machines: {error.strerror}") from error
        finally:
            child.stdin.close()
            child.wait(MAKE_S)
    return f"/proc/{os.getpid()}/fd/{descriptor}"
