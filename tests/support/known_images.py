"""The images that hundreds of tests register: made once, and QEMU is asked once what it says of their bytes.

Example::

    disk = image_at(folder / "disk.qcow2", "16M")
    with asked_once():
        base_register(name="demo", source=Source(disk), …)
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from hosts.drivers import qemu_img

SAID: dict[tuple[str, bytes], Any] = {}


@cache
def made(size: str, *commands: str) -> bytes:
    """An image of this size, after what `qemu-io` wrote into it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "disk.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), size], check=True)
        for command in commands:
            subprocess.run(
                ["qemu-io", "-f", "qcow2", "-c", command, str(path)], check=True, capture_output=True
            )
        return path.read_bytes()


def image_at(path: Path, size: str, *commands: str) -> Path:
    path.write_bytes(made(size, *commands))
    return path


@contextmanager
def asked_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("image_inspect", "image_check"):
            patch.setattr(qemu_img, name, partial(said, getattr(qemu_img, name)))
        yield


def said(ask: Callable[[Path], Any], path: Path) -> Any:
    key = (ask.__name__, hashlib.sha256(path.read_bytes()).digest())
    if key not in SAID:
        SAID[key] = ask(path)
    return SAID[key]
