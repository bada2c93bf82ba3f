"""Mapping a template's memory without the right to change it: QEMU asks for more than it needs.

Example::

    environment(read_only_library(spec, data))      # {"LD_PRELOAD": …, "COWWEB_READ_ONLY": …}
"""

import functools
import hashlib
import tempfile
from pathlib import Path

from hosts.drivers.process import run
from hosts.drivers.records import MachineSpec

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-shared", "-fPIC", "-O2", "-Wall", "-U_FORTIFY_SOURCE")
COMPILE_S = 60.0
FOLDER = "lib"


def read_only_library(spec: MachineSpec, data: Path) -> dict[str, str]:
    """What QEMU's environment names, for a machine that maps a file it may only read; else nothing."""
    if spec.memory is None or spec.memory.file is None or spec.memory.shared:
        return {}
    return {"LD_PRELOAD": str(_library(data)), "COWWEB_READ_ONLY": str(spec.memory.file)}


@functools.lru_cache(maxsize=8)
def _library(data: Path) -> Path:
    """Compiled once for each state of its source, where QEMU's user gets to it."""
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    place = data / FOLDER / f"read-only-{digest}.so"
    if not place.is_file():
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".work-") as work:
            made = Path(work, place.name)
            run(["gcc", *FLAGS, "-o", str(made), str(SOURCE)], timeout_s=COMPILE_S)
            made.chmod(0o555)
            made.replace(place)
    place.parent.chmod(0o711)
    return place
