"""Both ways into a real, booted guest: dropbear and busybox, QEMU's own agent."""

import threading
import time
from dataclasses import replace

import pytest

from hosts.drivers.errors import Cancelled, Refused, TimedOut
from hosts.drivers.guest import open_guest

pytestmark = pytest.mark.guest


@pytest.fixture(params=["ssh", "qga"])
def way(request, running_guest):
    with running_guest.open(channel=request.param) as way:
        way.wait_ready(timeout_s=60)
        yield way


def test_a_command_s_output_and_status_come_back(way):
    result = way.run("echo out; echo err >&2; exit 7", timeout_s=60)
    assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"err\n", 7)


def test_the_guest_took_its_name(way, running_guest):
    assert way.run("hostname", timeout_s=60).stdout.decode().strip() == running_guest.spec.identity.hostname


def test_output_is_live(way):
    arrived: list[float] = []
    way.run("echo one; sleep 3; echo two", on_output=lambda s, d: arrived.append(time.monotonic()))
    assert arrived[-1] - arrived[0] > 1


def test_stdin_reaches_the_command(way):
    assert way.run("wc -c", stdin=b"x" * 50_000, timeout_s=60).stdout.strip() == b"50000"


def test_a_daemon_that_holds_stdout_delays_nothing(way):
    started = time.monotonic()
    assert way.run("sleep 100 & echo hi; exit 3", timeout_s=90).stdout == b"hi\n"
    assert time.monotonic() - started < 60
    way.run("killall sleep", timeout_s=60)


DETACHED = "(setsid sh -c 'trap : TERM; while :; do sleep 999; done' >/dev/null 2>&1 </dev/null &); sleep 999"


def test_on_timeout_and_cancel_nothing_is_left(way):
    with pytest.raises(TimedOut):
        way.run(DETACHED, timeout_s=2)
    cancel = threading.Event()
    timer = threading.Timer(2, cancel.set)
    timer.start()
    with pytest.raises(Cancelled):
        way.run("sleep 999", timeout_s=60, cancel=cancel)
    timer.join()
    gone_by = time.monotonic() + 20  # what a busy host did not see within 5 s still happens in the guest
    while way.run("ps | grep -c '[s]leep 999'", timeout_s=60).stdout.strip() != b"0":
        assert time.monotonic() < gone_by


def test_files_and_folders_go_both_ways(way, tmp_path):
    source, back = tmp_path / "a 'b'\n$c", tmp_path / "back"
    source.write_bytes(bytes(range(256)) * 200)
    way.put(source, "/tmp/x y", mode=0o751)
    way.get("/tmp/x y", back)
    assert back.read_bytes() == source.read_bytes()
    assert way.run("stat -c %a '/tmp/x y'", timeout_s=60).stdout == b"751\n"
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("1")
    way.put(folder, "/tmp/folder")
    way.get("/tmp/folder", tmp_path / "copy")
    assert (tmp_path / "copy" / "sub" / "file").read_text() == "1"
    way.run("rm -rf /tmp/folder '/tmp/x y'", timeout_s=60)


def test_whichever_answers_is_used(running_guest):
    with running_guest.open() as way:
        assert way.channel == "ssh"
        way.wait_ready(timeout_s=60)
        assert way.channel in {"ssh", "qga"}
        assert way.run("true", timeout_s=60).exit_code == 0


def test_an_agent_that_was_removed_inside_is_not_waited_for(running_guest):
    spec = replace(running_guest.spec, agent=True)
    started = running_guest.started
    with open_guest(spec, started.record, started.forwards) as way:
        assert way.channel == "agent"
        way.wait_ready(timeout_s=60)
        assert way.channel == "ssh"
        assert way.run("echo here", timeout_s=60).stdout == b"here\n"


def test_an_agent_that_is_not_in_the_disk_is_refused(running_guest):
    with pytest.raises(Refused):
        running_guest.open(channel="agent")
