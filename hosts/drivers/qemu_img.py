"""Image files, by way of qemu-img: never probed for their format, never made over an existing name.

A disk of ours may be opened with everything below it. A stranger's image is only ever opened alone:
`image_inspect` and `image_check` cut it off from what its header refers to.

Example::

    overlay_create(clone, backing=base)
    print(chain(clone))          # (clone, base)
"""

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hosts.drivers.errors import Busy, DriverError, NotFound, Refused
from hosts.drivers.host_errors import host_errors
from hosts.drivers.process import Finished, run
from hosts.drivers.qcow2 import read_header
from hosts.drivers.records import CheckResult, DiskUsage, ImageInfo
from hosts.drivers.standing import plain_below

QUICK_S = 20.0
LONG_S = 3600.0
OUTPUT_BYTES = 1 << 20
LIMITS = ("--cpu=30", f"--as={2 << 30}")  # 1 GiB of addresses is sometimes too little


def image_inspect(path: Path) -> ImageInfo:
    """What the image says of itself; nothing that it refers to is opened. Safe on a running disk."""
    facts = _info(["info", "-U", "--output=json", _alone(path)])
    try:
        return _image_info(facts)
    except (KeyError, TypeError, AttributeError):
        raise Refused("qemu-img said nothing sensible about this image") from None


def _image_info(facts: Any) -> ImageInfo:
    extra = facts.get("format-specific", {}).get("data", {})
    return ImageInfo(
        format=facts["format"],
        virtual_size=facts["virtual-size"],
        actual_size=facts["actual-size"],
        backing_file=facts.get("backing-filename"),
        data_file=extra.get("data-file"),
        encrypted=bool(facts.get("encrypted", False)),
        cluster_size=facts["cluster-size"],
        snapshots=tuple(snapshot["name"] for snapshot in facts.get("snapshots", [])),
    )


def image_check(path: Path) -> CheckResult:
    """Looks for damage in this layer alone; changes nothing."""
    try:
        facts = _info(["check", "--output=json", _alone(path)])
    except DriverError as error:
        if error.exit_code not in {2, 3}:  # damage and leaks, counted in what it prints
            raise
        facts = {"corruptions": int(error.exit_code == 2), "leaks": int(error.exit_code == 3)}
    return CheckResult(
        corruptions=facts.get("corruptions", 0),
        leaks=facts.get("leaks", 0),
        errors=facts.get("check-errors", 0),
        compressed=facts.get("compressed-clusters", 0),
    )


def image_read(path: Path, most_bytes: int) -> None:
    """Reads the beginning of what this layer alone shows: DriverError where it cannot be unpacked."""
    shown = min(read_header(path).virtual_size, most_bytes)
    layer = {"driver": "qcow2", "backing": None, "file": {"driver": "file", "filename": str(path.absolute())}}
    start = "json:" + json.dumps({"driver": "raw", "size": shown, "file": layer})
    nowhere = ["-n", "--target-image-opts", start, f"driver=null-co,size={shown}"]
    _img(["convert", *nowhere], limits=LIMITS, most_output=OUTPUT_BYTES)


def overlay_create(disk: Path, *, backing: Path) -> None:
    """A new empty layer on `backing`, which must be a qcow2 image of ours."""
    below = backing.resolve(strict=False)
    if not below.is_file():
        raise NotFound(f"{backing.name}, which the disk is to be based on, is not there")
    size = str(read_header(below).virtual_size)
    on = ["-u", "-F", "qcow2", "-b", str(below)]  # -u: it need not be opened, and may be a running machine's
    _make(disk, lambda new: ["create", "-q", "-f", "qcow2", *on, str(new), size])


def convert(source: Path, target: Path, *, compress: bool = False) -> None:
    """A new image with everything that `source` shows, based on nothing."""
    squeeze = ["-c"] if compress else []
    node = _with_chain(source)
    _make(target, lambda new: ["convert", "-q", *squeeze, "-O", "qcow2", node, str(new)], timeout_s=LONG_S)


def usage(disk: Path) -> DiskUsage:
    """The bytes that this layer alone takes on the host, and what it shows to its guest."""
    header = read_header(disk)
    return DiskUsage(virtual_size=header.virtual_size, actual_size=disk.stat().st_blocks * 512)


def chain(disk: Path) -> tuple[Path, ...]:
    """The disk and everything below it, top first. Opens all of it: for disks of ours only."""
    layers = _info(["info", "-U", "--backing-chain", "--output=json", _with_chain(disk)])
    return tuple(Path(layer["filename"]) for layer in layers)


def snapshot_create(disk: Path, name: str) -> None:
    if name in _snapshots(disk):
        raise Refused(f"there is already a snapshot named {name}")
    _img(["snapshot", "-q", "-c", name, _with_chain(disk)])


def snapshot_restore(disk: Path, name: str) -> None:
    _img(["snapshot", "-q", "-a", _snapshot_id(disk, name), _with_chain(disk)])


def snapshot_delete(disk: Path, name: str) -> None:
    _snapshot_id(disk, name)
    _img(["snapshot", "-q", "-d", name, _with_chain(disk)])


def _snapshot_id(disk: Path, name: str) -> str:
    """For restoring, qemu-img looks for an id before a name; for deleting, only for a name."""
    found = _snapshots(disk).get(name)
    if found is None:
        raise NotFound(f"there is no snapshot named {name}")
    return found


def _snapshots(disk: Path) -> dict[str, str]:
    facts = _info(["info", "-U", "--output=json", _alone(disk)])
    return {snapshot["name"]: snapshot["id"] for snapshot in facts.get("snapshots", [])}


def _alone(path: Path) -> str:
    """The image as a node without anything below it."""
    if read_header(path).external_data:
        raise Refused(f"{path.name} keeps its data in another file")
    return _node(path, backing=None)


def _with_chain(path: Path) -> str:
    plain_below(path)
    return _node(path)


def _node(path: Path, **options: object) -> str:
    file = {"driver": "file", "filename": str(path.absolute())}
    return "json:" + json.dumps({"driver": "qcow2", "file": file, **options})


def _make(final: Path, arguments: Callable[[Path], Sequence[str]], *, timeout_s: float = QUICK_S) -> None:
    """Lets qemu-img make a file under a random name, then gives it its own, unless that is taken."""
    new = final.with_name(f".{final.name}.{secrets.token_hex(8)}")
    try:
        _img(arguments(new), timeout_s=timeout_s)
        with host_errors(f"{final.name} could not be made"):
            new.chmod(0o600)
            _name(new, final)
    finally:
        new.unlink(missing_ok=True)


def _name(new: Path, final: Path) -> None:
    """A link, not a rename: it never replaces what is there."""
    try:
        os.link(new, final)
    except FileExistsError:
        raise Refused(f"{final.name} exists already") from None


def _info(arguments: Sequence[str]) -> Any:
    printed = _img(arguments, limits=LIMITS, most_output=OUTPUT_BYTES).stdout
    try:
        return json.loads(printed)
    except (ValueError, RecursionError):
        raise Refused("qemu-img said nothing sensible about this image") from None


def _img(
    arguments: Sequence[str],
    *,
    timeout_s: float = QUICK_S,
    limits: Sequence[str] = (),
    most_output: int | None = None,
) -> Finished:
    argv = ["qemu-img", *arguments]
    try:
        return run(argv, timeout_s=timeout_s, limits=limits, most_output=most_output)
    except DriverError as error:
        if "Failed to get" in error.stderr and "lock" in error.stderr:
            raise Busy("the disk is in use", argv=error.argv, stderr=error.stderr) from error
        raise
