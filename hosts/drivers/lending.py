"""Which files a machine's own user may touch: its disk and its console are its, what it stands on is lent.

A lent file stays root's. It is readable to a group that follows from its path, and a machine gets the groups
of exactly the files that its disk's chain names, inside the site's own folders. The machine's folder is
root's too, so that nothing in it can be swapped for a link to something of ours.

Example::

    groups = lent(spec, roots=(data, memory))       # before it starts
    handed_over(spec, user)
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from hosts.drivers.egress_rules import FIRST_GROUP, LAST_GROUP
from hosts.drivers.errors import Refused
from hosts.drivers.machine_args import FIRMWARE_VARIABLES, SERIAL
from hosts.drivers.records import BootKind, MachineSpec
from hosts.drivers.seed import FIRMWARE_FILES, VOLUME
from hosts.drivers.standing import below

FIRST_LENT, LENT = 0x60000000, 0x0FFFFFFF
OPEN_TO_ALL, WRITERS = 0o004, 0o222
PASSABLE, LENT_MODE = 0o711, 0o440
SEEN = ("store", "clones", "layers", "templates", "lib")  # of the site's folder, by machines
FOR_MACHINES = (*SEEN, "memory")  # which may lie there too


def lent(spec: MachineSpec, *, roots: tuple[Path, ...]) -> tuple[int, ...]:
    """The groups by which the machine reads what it stands on. Refused where that lies elsewhere."""
    groups = [_lent(path, roots, of_a_disk=True) for path in below(spec.disk)]
    if spec.memory and spec.memory.file and spec.memory.shared:
        _passable(spec.memory.file.parent.resolve(), roots)
    elif spec.memory and spec.memory.file:
        groups.append(_lent(spec.memory.file, roots))
    if spec.boot.kind is BootKind.KERNEL:
        groups += [_lent(path, roots) for path in (spec.boot.kernel, spec.boot.initrd) if path]
    for folder in {spec.folder.parent, spec.disk.parent} - {spec.folder}:
        _passable(folder.resolve(), roots)
    return tuple(sorted({group for group in groups if group is not None}))


def handed_over(spec: MachineSpec, user: int) -> None:
    """The machine's own: what it writes to, and what it alone may read."""
    _owned(spec.disk, user)
    own = [VOLUME, FIRMWARE_VARIABLES, *FIRMWARE_FILES.values()]
    for path in (spec.folder / name for name in own):
        if path.exists():
            _owned(path, user)
    with _kept_open(spec.folder / SERIAL, os.O_CREAT) as console:
        os.fchown(console, user, user)
        os.fchmod(console, 0o600)
    os.chown(spec.folder, 0, user)
    spec.folder.chmod(0o710)  # it passes through, and sees nothing of what lies there
    if spec.memory and spec.memory.file and spec.memory.shared:
        with _kept_open(spec.memory.file, os.O_CREAT) as memory:
            os.ftruncate(memory, spec.memory_mb << 20)
            os.fchown(memory, user, user)


def handed_to(path: Path, user: int | None) -> None:
    """A further file of a machine that runs."""
    if user is not None and os.geteuid() == 0:
        _owned(path, user)


def taken_back(path: Path) -> None:
    """A file that no machine writes to any more is root's, where we are root."""
    if os.geteuid() == 0:
        os.chown(path, 0, 0, follow_symlinks=False)


def made_private(data: Path) -> None:
    """Database, keys, imports: what lies in the site's folder and is not for machines is closed to them."""
    if not data.is_dir():
        return
    for entry in data.iterdir():
        facts = entry.lstat()
        mode = stat.S_IMODE(facts.st_mode)
        plain = stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)
        if plain and mode & 0o077 and entry.name not in FOR_MACHINES:
            entry.chmod(mode & 0o700)


def _lent(path: Path, roots: tuple[Path, ...], *, of_a_disk: bool = False) -> int | None:
    """The group that reads it; None where everyone may who knows its name."""
    path = path.resolve()
    if not any(path.is_relative_to(root) for root in roots):
        raise Refused(f"{path.name}, which the machine needs, lies outside of the site's folders")
    with _kept_open(path) as descriptor:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Refused(f"{path.name}, which the machine needs, is no regular file")
        if of_a_disk and facts.st_mode & WRITERS and FIRST_GROUP <= facts.st_uid <= LAST_GROUP:
            raise Refused(f"{path.name}, which its disk stands on, is another machine's own")
        _passable(path.parent, roots)
        return _group_for(descriptor, path, facts)


def _group_for(descriptor: int, path: Path, facts: os.stat_result) -> int | None:
    if facts.st_mode & OPEN_TO_ALL:
        if facts.st_uid:
            os.fchown(descriptor, 0, -1)
        return None
    group = lending_group(path)
    if (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) != (0, group, LENT_MODE):
        os.fchown(descriptor, 0, group)
        os.fchmod(descriptor, LENT_MODE)
    return group


def lending_group(path: Path) -> int:
    return FIRST_LENT | int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:4]) & LENT


def _passable(folder: Path, roots: Iterable[Path]) -> None:
    """The folders down to this one can be passed, and not looked into."""
    root = next(each for each in roots if folder.is_relative_to(each))
    for each in (folder, *folder.parents):
        if stat.S_IMODE(each.stat().st_mode) != PASSABLE:
            each.chmod(PASSABLE)
        if each == root:
            return


@contextlib.contextmanager
def _kept_open(path: Path, more: int = 0) -> Iterator[int]:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | more
    descriptor = os.open(path, flags | (os.O_RDWR if more else os.O_RDONLY), 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _owned(path: Path, user: int) -> None:
    with _kept_open(path) as descriptor:
        os.fchown(descriptor, user, user)
        os.fchmod(descriptor, 0o600)
