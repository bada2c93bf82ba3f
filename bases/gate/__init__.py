"""The image gate: what may become a base. The one place that decides it.

A stranger's file is opened once, never by a name that could change hands; its header is parsed by us; another
parser and `qemu-img`, cut off from what the header refers to and held by limits, must agree. What is judged
is the copy in the store, and the copy is what is used.

Example::

    glance(path)   # a stranger's file: what can be said before it is copied
    admit(path)    # a copy of ours: ImageInfo, or UnsafeImageError saying why not
"""

import signal
from pathlib import Path

from bases.gate.header import Header, UnsafeHeader, parse
from bases.gate.opening import opened
from bases.gate.second_opinion import objection
from cowweb.errors import UnsafeImageError
from hosts.drivers.errors import DriverError, NotFound
from hosts.drivers.records import ImageInfo
from hosts.services import local_driver

MOST_UNPACKED, MOST_CLUSTERS_UNPACKED = 512 << 20, 1 << 16  # a second or two of two processors
FLATTEN = "flatten it with `qemu-img convert -O qcow2` first"


def glance(path: Path, *, called: str = "") -> Header:
    """Refuses early, from the first bytes alone; no program looks at the file."""
    name = called or path.name
    with opened(path) as file:
        try:
            header = parse(file)
        except UnsafeHeader as error:
            raise UnsafeImageError(f"{name} {error}", field="disk") from None
        words = objection(file, extended_l2=header.extended_l2)
    if words:
        raise UnsafeImageError(f"{name} {words}", field="disk")
    return header


def admit(path: Path, *, called: str = "") -> ImageInfo:
    """A plain, sound, self-contained qcow2: nothing in it refers to anything outside it. `called`: its name
    for people, where the file that is looked at is a copy."""
    name = called or path.name
    header = glance(path, called=name)
    driver = local_driver()
    try:
        info = driver.image_inspect(path)
        found = driver.image_check(path)
        if found.compressed and not (found.corruptions or found.errors):
            driver.image_read(path, min(MOST_UNPACKED, header.cluster_size * MOST_CLUSTERS_UNPACKED))
    except NotFound:  # what is missing is a program of this host
        raise
    except DriverError as error:
        raise UnsafeImageError(f"{name} {unreadable(error)}", field="disk") from error
    reason = refusal(info, header)
    if not reason and (found.corruptions or found.errors):
        reason = f"is damaged: {found.corruptions or found.errors} errors in its tables; {FLATTEN}"
    if reason:
        raise UnsafeImageError(f"{name} {reason}", field="disk")
    return info


def unreadable(error: DriverError) -> str:
    """Why `qemu-img` did not come to an end with it. It is ended where it prints more than anybody reads."""
    if error.exit_code == -signal.SIGXFSZ:
        return f"is damaged: more errors in its tables than can be listed; {FLATTEN}"
    return f"could not be read as a disk image: {error}"


def refusal(info: ImageInfo, header: Header) -> str:
    """Where `qemu-img` read something else than we did; empty where both agree."""
    if info.format != "qcow2":
        return f"is a {info.format} image: convert it with `qemu-img convert -O qcow2` first"
    if info.backing_file is not None:
        return f"needs a backing file: {FLATTEN}"
    if info.data_file is not None:
        return f"keeps its data in another file: {FLATTEN}"
    if info.encrypted:
        return "is encrypted: a base must be readable"
    if info.virtual_size != header.virtual_size or info.cluster_size != header.cluster_size:
        return "has a header that can be read in two ways"
    return ""
