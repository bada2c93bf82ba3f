"""The agent's binary: made once, for any guest; and what is put into a guest with it."""

import subprocess
from pathlib import Path

import pytest

from hosts.drivers.agent import agent_binary, build, install
from hosts.drivers.errors import DriverError, NotFound
from hosts.drivers.records import ExecResult


def test_it_is_made_once_and_needs_no_library(tmp_path):
    binary = agent_binary(tmp_path)
    made_at = binary.stat().st_mtime_ns
    assert agent_binary(tmp_path) == binary
    assert binary.stat().st_mtime_ns == made_at
    assert binary.stat().st_size < 1 << 20
    assert "statically linked" in subprocess.run(["file", binary], capture_output=True, text=True).stdout
    assert [path.name for path in binary.parent.iterdir()] == [binary.name]


def test_it_compiles_without_a_warning(tmp_path):
    sources = sorted(Path(build.__file__).parent.glob("*.c"))
    strict = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")
    subprocess.run(["gcc", *build.FLAGS, *strict, "-o", tmp_path / "agent", *sources], check=True)


def test_without_a_compiler_the_packages_are_named(tmp_path, monkeypatch):
    def missing(name):
        raise NotFound(f"{name} is not installed on this host")

    monkeypatch.setattr(build, "program", missing)
    with pytest.raises(NotFound, match="gcc and libc6-dev"):
        agent_binary(tmp_path)


class ShellGuest:
    """A way in that notes what it is asked."""

    def __init__(self, exit_code):
        self.exit_code, self.asked = exit_code, []

    def put(self, local, remote, *, mode=0o644):
        self.asked.append((local, mode))

    def run(self, command, *, stdin=None, timeout_s=60.0):
        subprocess.run(["sh", "-n"], input=stdin, check=True)
        self.asked.append(command)
        return ExecResult(self.exit_code, b"", b"read-only file system\n")


def test_a_refused_installation_says_why(tmp_path):
    guest = ShellGuest(1)
    with pytest.raises(DriverError, match="could not be installed") as caught:
        install(guest, tmp_path / "agent")
    assert "read-only file system" in caught.value.detail
    assert guest.asked[0] == (tmp_path / "agent", 0o755)
