"""Taking from QEMU what it does not need before it starts.

It never gains privileges. Where the server is root, QEMU loses every capability, and where a user is
named for it, runs as that user and owns its machine's files.
"""

import os
import pwd
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from hosts.drivers.errors import NotFound
from hosts.drivers.process import program


def confined(argv: Sequence[str], *, run_as: str | None, group: int | None = None) -> list[str]:
    """The argument list that starts `argv` confined, under the same pid; as this group where one is given."""
    options = ["--no-new-privs"]
    if os.geteuid() == 0:
        options += ["--bounding-set=-all", "--inh-caps=-all"]
        if run_as:
            user = account(run_as)
            options += [f"--reuid={user.pw_uid}", f"--regid={group or user.pw_gid}", groups_of(user)]
        elif group is not None:
            options += [f"--regid={group}", "--clear-groups"]
    return [program("setpriv"), *options, "--", program(argv[0]), *argv[1:]]


def hand_over(paths: Iterable[Path], *, run_as: str | None) -> None:
    """Makes the machine's files those of the user that QEMU runs as."""
    if run_as and os.geteuid() == 0:
        user = account(run_as)
        for path in paths:
            shutil.chown(path, user.pw_uid, user.pw_gid)


def groups_of(user: pwd.struct_passwd) -> str:
    """The user's groups as an option: what it may open, its own group's files too."""
    return "--groups=" + ",".join(map(str, os.getgrouplist(user.pw_name, user.pw_gid)))


def account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise NotFound(f"this host has no user {name} to run QEMU as") from None
