"""Building guests from Debian packages: no root, no loop devices, no downloads but by apt.

A build is cached; the same call again returns in milliseconds. Nothing secret is baked in: a guest
takes its name and keys from QEMU's firmware configuration device at every start
(`opt/cowweb/hostname`, `opt/cowweb/authorized_key`, `opt/cowweb/host_key`).

Example::

    require_programs("tiny")
    guest = build_guest("tiny", cache=Path.home() / ".cache/cowweb", progress=print)
    guest.disk, guest.kernel, guest.initrd, guest.cmdline
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hosts.drivers.build.apt import Apt
from hosts.drivers.build.cache import cached_build, recipe_digest
from hosts.drivers.build.debian import build_debian
from hosts.drivers.build.guest import BuiltGuest, GuestKind
from hosts.drivers.build.programs import HOST_PACKAGES, missing_programs, require_programs
from hosts.drivers.build.rexx_runtime import build_rexx_runtime
from hosts.drivers.build.sources import debian_sources
from hosts.drivers.build.tiny import build_tiny

__all__ = [
    "HOST_PACKAGES",
    "BuiltGuest",
    "GuestKind",
    "build_guest",
    "build_rexx_runtime",
    "missing_programs",
    "require_programs",
]


def build_guest(
    kind: GuestKind, *, cache: Path, with_rexx: bool = True, progress: Callable[[str], None]
) -> BuiltGuest:
    """The guest, built if it is not in `cache`. Raises a DriverError whose words say what to do.

    Several calls at once, from any processes, build once. `progress` gets a line before each slow step.
    """
    sources = debian_sources()
    cache = cache.absolute()
    digest = recipe_digest(kind, with_rexx, sources)
    place = cache / "guests" / f"{kind}-{digest}"

    def build(finished: Path) -> BuiltGuest:
        require_programs(kind)
        with tempfile.TemporaryDirectory(dir=finished.parent, prefix="work-") as work:
            if kind == "debian":
                return build_debian(finished, Path(work), sources, with_rexx=with_rexx, progress=progress)
            apt = Apt(cache / "apt" / recipe_digest(sources), sources)
            return build_tiny(finished, Path(work), apt, with_rexx=with_rexx, progress=progress)

    return cached_build(place, build, progress)
