"""A REXX interpreter that runs in any x86-64 Linux guest: Debian's Regina with its own loader and libraries.

A tar archive whose `rexx` reads a script from standard input, wherever it is unpacked.
"""

import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from hosts.drivers.build.apt import Apt
from hosts.drivers.build.cache import recipe_digest
from hosts.drivers.build.files import Tree, Unpacked
from hosts.drivers.build.locking import locked
from hosts.drivers.build.sources import debian_sources

PACKAGE = "regina-rexx"
LOADER = "ld-linux-x86-64.so.2"
WRAPPER = f"""#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
REGINA_LANG_DIR=$here/share REGINA_LANG=en
export REGINA_LANG_DIR REGINA_LANG
exec "$here/usr/lib/{LOADER}" --library-path "$here/usr/lib" "$here/usr/bin/rexx" "$@"
"""


def nothing_said(line: str) -> None:
    """For callers that show no progress."""


def build_rexx_runtime(*, cache: Path, progress: Callable[[str], None] = nothing_said) -> Path:
    """The archive, built if it is not in `cache`. Raises a DriverError whose words say what to do."""
    sources = debian_sources()
    archive = cache.absolute() / "runtimes" / f"regina-{recipe_digest(sources)}.tar"
    if archive.is_file():
        return archive
    with locked(archive.with_suffix(".lock")):
        if not archive.is_file():
            progress("building the REXX runtime from Debian's packages")
            apt = Apt(cache.absolute() / "apt" / recipe_digest(sources), sources)
            with tempfile.TemporaryDirectory(dir=archive.parent, prefix="work-") as work:
                pack(apt, Path(work), archive)
    return archive


def pack(apt: Apt, work: Path, archive: Path) -> None:
    """Fetches, lays out and archives; the archive appears whole or not at all."""
    apt.update()
    names = sorted({PACKAGE, *apt.libraries(apt.closure([PACKAGE]))})
    packages = Unpacked(work / "packages", list(apt.fetch(names)))
    placed = Tree(work / "placed")
    placed.program(packages, "bin/rexx")
    runtime = Tree(work / "runtime")
    for library in sorted((work / "placed").rglob("*.so*")):
        runtime.put(library.resolve(), f"usr/lib/{library.name}", 0o755)
    runtime.put(packages.find("bin/rexx"), "usr/bin/rexx", 0o755)
    runtime.put(packages.find("share/regina-rexx/en.mtb"), "share/en.mtb")
    runtime.text("rexx", WRAPPER, 0o755)
    unfinished = archive.with_suffix(".part")
    with tarfile.open(unfinished, "w") as tar:
        for path in sorted((work / "runtime").rglob("*")):
            if path.is_file():
                tar.add(path, str(path.relative_to(work / "runtime")), filter=anonymous)
    unfinished.rename(archive)


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's, and of no time, so that the same packages give the same bytes."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
