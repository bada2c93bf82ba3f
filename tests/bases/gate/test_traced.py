"""What the kernel saw while the gate judged: nothing was opened or connected to that an image named."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bases.gate.attacks import further
from tests.bases.gate.images import hostile

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[3]
OPENED = re.compile(r'(?:openat|open|openat2)\((?:[^,"]*, )?"((?:[^"\\]|\\.)*)"')
CONNECTED = re.compile(r"\b(?:connect|sendto|bind)\(")
REFERS = (
    "backing",
    "data",
    "external",
    "LUKS",
    "v2 ",
    "vmdk",
    "posing",
    "bitmaps",
    "overlap: L1",
    "snapshot",
)
TRACED = "open,openat,openat2,connect,sendto,bind,execve"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_nothing_that_an_image_names_is_opened(tmp_path):
    """A file, a pipe that would hang its reader, and a socket that waits for a caller."""
    images, data = tmp_path / "data" / "import", tmp_path / "data"
    images.mkdir(parents=True)
    canary, pipe, place = tmp_path / "canary", tmp_path / "pipe", tmp_path / "canary.sock"
    canary.write_text("secret")
    os.mkfifo(pipe)
    names = {"CANARY": str(canary), "FIFO": str(pipe), "SOCKET": str(place)}
    count = 0
    for name, image in [*hostile(names), *further()]:
        if name.startswith(REFERS):
            (images / f"{count:03}").write_bytes(image)
            count += 1
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        server.setblocking(False)
        trace = traced(images, data, tmp_path / "trace", count)
        with pytest.raises(BlockingIOError):
            server.accept()
    opened = {path for path in OPENED.findall(trace) if not belongs(path, data)}
    assert opened == set()
    assert not CONNECTED.search(trace)
    assert any("qemu-img" in line for line in trace.splitlines() if "execve" in line)


def traced(images: Path, data: Path, trace: Path, count: int) -> str:
    argv = ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-e", f"trace={TRACED}", "-o", str(trace)]
    done = subprocess.run(
        [*argv, sys.executable, "-m", "tests.bases.gate.judge", str(images)],
        cwd=CHECKOUT,
        env={**os.environ, "COWWEB_DATA": str(data), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(count)), done.stderr
    return trace.read_text()


def belongs(path: str, data: Path) -> bool:
    """Whether a program opens such a file for its own sake: its code, its libraries, the site's own folder."""
    if path in ("/etc/shadow", "/etc/passwd", "/proc/self/environ", "/dev/zero"):
        return False
    own = ("/usr/", "/lib", "/etc/", "/proc/", "/sys/", "/dev/", "/opt/", sys.base_prefix, str(CHECKOUT))
    venv = tuple(str(Path(place).resolve()) for place in sys.path if place)
    return (
        path.startswith((*own, *venv, sys.prefix, str(data))) or not path.startswith("/") or temporary(path)
    )


def temporary(path: str) -> bool:
    """Where a program's answer is kept: a nameless file of the temporary folder."""
    return path in ("/tmp", "/var/tmp") or bool(re.fullmatch(r"/(?:var/)?tmp/[\w]{8}", path))
