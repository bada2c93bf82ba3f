"""Taking from QEMU what it does not need before it starts.

It never gains privileges, and learns nothing of our environment. Where the server is root, QEMU loses every
capability, and runs as a user that only this machine has: its number follows from the machine's uuid, as its
group does. `Confined` says under whom, `confined` writes the arguments.

Example::

    who = Confined(user=group_of(uuid), groups=(lent,), room="/proc/7/fd/5")
    subprocess.Popen(confined(argv, who, folder=folder), cwd=folder, env=environment())
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.process import program

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Confined:
    """Under whom a QEMU runs. Without a user it stays who we are, in `group` where there is one."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] = ()  # whose files it may read
    room: str | None = None  # the mount namespace in which its files can be reached
    told: Mapping[str, str] | None = None  # its environment


def confined(argv: Sequence[str], who: Confined, *, folder: Path) -> list[str]:
    """The argument list that starts `argv` confined, under the same pid."""
    options = ["--no-new-privs"]
    if os.geteuid() == 0:
        options += ["--bounding-set=-all", "--inh-caps=-all", *_ids(who)]
    inside = [program("setpriv"), *options, "--", program(argv[0]), *argv[1:]]
    if who.room:
        return [program("nsenter"), f"--mount={who.room}", f"--wdns={folder}", "--", *inside]
    return inside


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """All that a program that reads strangers' bytes is told: nothing of ours, which holds passwords."""
    return {"PATH": PATH, "LC_ALL": "C", **(more or {})}


def _ids(who: Confined) -> list[str]:
    if who.user is not None:
        lent = ",".join(map(str, who.groups))
        ids = [f"--reuid={who.user}", f"--regid={who.user}"]
        return [*ids, f"--groups={lent}" if lent else "--clear-groups"]
    if who.group is not None:
        return [f"--regid={who.group}", "--clear-groups"]
    return []
