"""A build is made once, whole or not at all, however many ask for it."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hosts.drivers.build import build_guest
from hosts.drivers.build.cache import cached_build, recipe_digest
from hosts.drivers.build.guest import BuiltGuest
from hosts.drivers.records import BootKind, SeedKind


def write_guest(folder: Path) -> BuiltGuest:
    disk = folder / "disk.qcow2"
    disk.write_bytes(b"disk")
    return BuiltGuest(
        kind="tiny",
        disk=disk,
        kernel=None,
        initrd=None,
        cmdline="quiet",
        boot_kind=BootKind.BIOS,
        ssh_user="root",
        os="Debian 12 (tiny)",
        description="",
        rexx_installed=True,
        memory_mb=128,
        cpus=1,
        seed=SeedKind.FW_CFG,
    )


def test_the_second_call_takes_what_the_first_built(tmp_path):
    place = tmp_path / "guests" / "tiny-1"
    first = cached_build(place, write_guest, print)
    started = time.monotonic()
    second = cached_build(place, pytest.fail, print)
    assert time.monotonic() - started < 0.05
    assert first == second == replace(second, disk=place / "disk.qcow2")


def test_a_failed_build_leaves_nothing_and_the_next_one_builds(tmp_path):
    place = tmp_path / "guests" / "tiny-1"

    def fail(folder: Path) -> BuiltGuest:
        write_guest(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_build(place, fail, print)
    assert [path.name for path in place.parent.iterdir()] == [".tiny-1.lock"]
    assert cached_build(place, write_guest, print).disk.read_bytes() == b"disk"


def test_leftovers_of_a_killed_build_are_not_used_and_go_away(tmp_path):
    place = tmp_path / "guests" / "tiny-1"
    dead = place.with_name(".tiny-1.tmp-abc")
    (dead / "finished").mkdir(parents=True)
    place.mkdir()
    (place / "disk.qcow2").write_bytes(b"half")
    assert cached_build(place, write_guest, print).disk.read_bytes() == b"disk"
    assert not dead.exists()


def test_a_build_that_lost_a_file_is_built_again(tmp_path):
    place = tmp_path / "guests" / "tiny-1"
    cached_build(place, write_guest, print).disk.unlink()
    assert cached_build(place, write_guest, print).disk.read_bytes() == b"disk"


def test_of_two_at_once_one_builds_and_the_other_waits(tmp_path):
    place = tmp_path / "guests" / "tiny-1"
    builds: list[Path] = []
    lines: list[str] = []
    results: list[BuiltGuest] = []

    def slow(folder: Path) -> BuiltGuest:
        builds.append(folder)
        time.sleep(0.3)
        return write_guest(folder)

    def call() -> None:
        results.append(cached_build(place, slow, lines.append))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(builds) == 1
    assert len(set(results)) == 1
    assert lines == ["waiting for the same build elsewhere"] * 2


def test_the_key_follows_the_options_and_the_sources(tmp_path, monkeypatch):
    assert recipe_digest("tiny", True) == recipe_digest("tiny", True)
    assert (
        len({recipe_digest("tiny", True), recipe_digest("tiny", False), recipe_digest("debian", True)}) == 3
    )


def test_missing_programs_are_named_all_at_once_with_their_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "hosts.drivers.build.programs._present", lambda name: name not in ("mcopy", "fakeroot")
    )
    with pytest.raises(Exception, match=r"fakeroot, mcopy, .*install the packages: fakeroot mtools$"):
        build_guest("tiny", cache=tmp_path, progress=print)
