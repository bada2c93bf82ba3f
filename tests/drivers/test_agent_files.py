"""Files to and from a guest: whole or not at all."""

import os
import stat
import threading

import pytest

from hosts.drivers.agent import AgentGuest, agent_binary, files
from hosts.drivers.agent.connection import Connection
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Cancelled, NotFound, Refused
from tests.drivers.agent_host import host_agent
from tests.support.site import wait_until


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with host_agent(agent_binary(tmp_path_factory.mktemp("cache")), tmp_path_factory.mktemp("m")) as agent:
        yield agent


@pytest.fixture
def guest(agent):
    with AgentGuest(agent.folder) as guest:
        yield guest


@pytest.mark.parametrize("size", [0, 1, 16384, 7_000_001])
def test_there_and_back(guest, tmp_path, size):
    (tmp_path / "a").write_bytes(os.urandom(size))
    guest.put(tmp_path / "a", str(tmp_path / "b"), mode=0o640)
    guest.get(str(tmp_path / "b"), tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == (tmp_path / "a").read_bytes()
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o640


def test_stat_tells_size_and_mode(guest, tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "a").chmod(0o600)
    seen = guest.stat(str(tmp_path / "a"))
    assert (seen.size, stat.S_IMODE(seen.mode)) == (3, 0o600)
    assert seen.modified == int((tmp_path / "a").stat().st_mtime)
    assert stat.S_ISDIR(guest.stat(str(tmp_path)).mode)


def test_what_is_not_there_is_not_found(guest, tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(NotFound):
        guest.stat(str(tmp_path / "none"))
    with pytest.raises(NotFound):
        guest.get(str(tmp_path / "none"), tmp_path / "b")
    with pytest.raises(NotFound):
        guest.put(tmp_path / "a", str(tmp_path / "no" / "folder"))
    with pytest.raises(NotFound):
        guest.put(tmp_path / "none", str(tmp_path / "b"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


@pytest.mark.parametrize("remote", ["relative", "/a\0b", "/" + "x" * 5000])
def test_what_cannot_be_written_is_refused(guest, tmp_path, remote):
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(Refused):
        guest.put(tmp_path / "a", remote)


def test_only_files_are_read(guest, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for remote in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(Refused):
            guest.get(remote, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_an_endless_file_is_cut_off_and_leaves_what_was_there(agent, tmp_path):
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    (tmp_path / "old").write_bytes(b"old")
    with (
        Connection(agent.folder, deadline=Deadline(5, what="the test")) as connection,
        pytest.raises(Refused),
    ):
        files.get(connection, str(tmp_path / "large"), tmp_path / "old", limit=1_000_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large", "old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_host_that_leaves_in_the_middle_leaves_nothing(agent, guest, tmp_path):
    guest.ping()
    guest._connection.send(files.Type.PUT, 9, files.wire.fields(("P", str(tmp_path / "half").encode())))
    guest._connection.answer(9, files.Type.STARTED, Deadline(5, what="the test"))
    assert list(tmp_path.iterdir())
    guest.close()
    guest.ping()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_both_ways_with_every_byte_counted(guest, tmp_path):
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "deep" / "large").write_bytes(os.urandom(3_000_000))
    (tmp_path / "a" / "deep" / "empty").touch()
    (tmp_path / "a" / "deep" / "whole block").write_bytes(bytes(512))
    (tmp_path / "a" / "run ü.sh").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "a" / "run ü.sh").chmod(0o755)
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "stays").write_text("x")
    there: list[int] = []
    back: list[int] = []
    guest.put(tmp_path / "a", str(tmp_path / "far"), progress=there.append)
    assert (tmp_path / "far" / "stays").read_text() == "x"
    guest.get(str(tmp_path / "far"), tmp_path / "b", progress=back.append)
    large = (tmp_path / "a" / "deep" / "large").read_bytes()
    assert (tmp_path / "b" / "deep" / "large").read_bytes() == large
    assert (tmp_path / "b" / "deep" / "empty").stat().st_size == 0
    assert (tmp_path / "b" / "deep" / "whole block").read_bytes() == bytes(512)
    assert stat.S_IMODE((tmp_path / "b" / "run ü.sh").stat().st_mode) == 0o755
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["deep", "run ü.sh", "stays"]
    for seen in (there, back):
        assert seen == sorted(seen) and seen[-1] > 3_000_000


def test_a_folder_as_target_takes_the_file_under_its_name(guest, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "a").write_text("a")
    seen: list[int] = []
    guest.put(tmp_path / "a", str(tmp_path / "far"), progress=seen.append)
    assert (tmp_path / "far" / "a").read_text() == "a"
    assert seen[-1] == 1


@pytest.mark.parametrize("what", ["a", "a/large"])
def test_a_cancelled_copy_leaves_nothing(guest, tmp_path, what):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "large").touch()
    os.truncate(tmp_path / "a" / "large", 1 << 30)  # the signal is looked at every 50 ms
    stop = threading.Event()
    with pytest.raises(Cancelled):
        guest.put(tmp_path / what, str(tmp_path / "far"), cancel=stop, progress=lambda _total: stop.set())
    wait_until(lambda: sorted(path.name for path in tmp_path.iterdir()) == ["a"], timeout_s=20)


def test_a_put_replaces_a_file_whole(guest, tmp_path):
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "there").write_bytes(b"old and longer")
    with (tmp_path / "there").open("rb") as reader:
        guest.put(tmp_path / "new", str(tmp_path / "there"))
        assert reader.read() == b"old and longer"
    assert (tmp_path / "there").read_bytes() == b"new"
