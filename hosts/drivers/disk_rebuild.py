"""Making a disk's content anew under another name: on another layer, on nothing, or as a snapshot had it.

What is read is never opened for writing. The new file appears under its name complete or not at all, so an
interruption leaves what was there.

Example::

    rebuild(disk, new, backing=base, on_percent=print)     # shows what `disk` shows, directly on `base`
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from hosts.drivers.base import CancelSignal, OnPercent
from hosts.drivers.errors import Busy, DriverError, Refused
from hosts.drivers.followed import no_percent, run_followed
from hosts.drivers.qemu_img import image_check, overlay_create
from hosts.drivers.standing import plain_below

LONG_S = 6 * 3600.0


def rebuild(
    disk: Path,
    target: Path,
    *,
    backing: Path,
    on_percent: OnPercent = no_percent,
    cancel: CancelSignal | None = None,
) -> None:
    """A new layer on `backing` that shows what `disk` shows: an empty one on `disk`, then moved over."""
    plain_below(disk)
    plain_below(backing)

    def make(new: Path) -> None:
        overlay_create(new, backing=disk)
        _img(
            ["rebase", "-p", "-f", "qcow2", "-F", "qcow2", "-b", str(backing.resolve()), str(new)],
            on_percent,
            cancel,
        )
        if not image_check(new).clean:
            raise DriverError(f"the new disk of {disk.name} is damaged; the old one stays")

    _made(target, make)


def standalone(
    disk: Path, target: Path, *, on_percent: OnPercent = no_percent, cancel: CancelSignal | None = None
) -> None:
    """A new image with everything that `disk` shows, on nothing."""
    plain_below(disk)
    _made(
        target,
        lambda new: _img(
            ["convert", "-p", "-f", "qcow2", "-O", "qcow2", str(disk), str(new)], on_percent, cancel
        ),
    )


def snapshot_extract(disk: Path, name: str, target: Path, *, backing: Path) -> None:
    """A new layer on `backing`, on which `disk` stands, as the snapshot inside `disk` has it."""
    plain_below(disk)
    options = ["-l", f"snapshot.name={name}", "-f", "qcow2", "-O", "qcow2"]
    below = ["-B", str(backing.resolve()), "-F", "qcow2"]
    _made(
        target,
        lambda new: _img(["convert", "-p", *options, *below, str(disk), str(new)], no_percent, None),
    )


def _made(final: Path, make: Callable[[Path], None]) -> None:
    """Under a random name first; linked, so that nothing is ever replaced."""
    new = final.with_name(f".{final.name}.{secrets.token_hex(8)}")
    try:
        make(new)
        new.chmod(0o600)
        _synced(new)
        os.link(new, final)
    except FileExistsError:
        raise Refused(f"{final.name} exists already") from None
    finally:
        new.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _img(arguments: list[str], on_percent: OnPercent, cancel: CancelSignal | None) -> None:
    try:
        run_followed(["qemu-img", *arguments], timeout_s=LONG_S, on_percent=on_percent, cancel=cancel)
    except DriverError as error:
        if "Failed to get" in error.stderr and "lock" in error.stderr:
            raise Busy("the disk is in use", argv=error.argv, stderr=error.stderr) from error
        raise
