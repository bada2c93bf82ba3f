"""Why a layer must be found by the name it was opened by.

When a disk becomes a layer, QEMU opens its file anew, only to read it, by the name under which it opened it
first. If that was renamed since, this fails and QEMU says nothing: it keeps the layer open, and locked, for
writing, and no other machine can stand on it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hosts.drivers.errors import DriverError, Refused

Nodes = Sequence[Mapping[str, Any]]  # what `query-named-block-nodes` answers


@contextlib.contextmanager
def findable(nodes: Nodes, *, top: str, layer: Path | None, folder: Path) -> Iterator[None]:
    """The file of the node `top` is `layer`, and has its old name in the machine's folder meanwhile. A QEMU
    that says it was elsewhere is not to be trusted with a link."""
    images = {each["node-name"]: each["image"] for each in nodes}
    name = file_of(images[top]["filename"])
    if layer is None or name.parent.resolve() != folder.resolve():
        raise Refused(f"the machine says that its disk is {str(name)!r}, which is not in its folder")
    if name.exists():
        if not name.samefile(layer):
            raise Refused(f"{name.name} is another file than the machine's disk")
        yield
        return
    name.hardlink_to(layer)
    try:
        yield
    finally:
        name.unlink(missing_ok=True)


def file_of(filename: str) -> Path:
    """QEMU describes a node whose backing was given otherwise than by its header in JSON."""
    if filename.startswith("json:"):
        return Path(json.loads(filename.removeprefix("json:"))["file"]["filename"])
    return Path(filename)


def check_read_only(nodes: Nodes, *, layer: str) -> None:
    """That QEMU does keep its hands off what became a layer."""
    if not any(each["node-name"] == layer and each["ro"] for each in nodes):
        raise DriverError("QEMU keeps the layer below the machine's disk open for writing")
