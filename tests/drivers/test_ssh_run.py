"""Commands over SSH, against a real SSH server whose commands run on this host."""

import subprocess
import threading
import time
import tracemalloc

import pytest

from hosts.drivers.errors import Cancelled, Refused, TimedOut, Unreachable
from hosts.drivers.run_token import new_token
from tests.drivers.driver_support import fed_and_answered

pytestmark = pytest.mark.slow


def still_running(token: str) -> int:
    found = subprocess.run(
        f"grep -laE 'COWWEB_RUN={token}' /proc/[0-9]*/environ 2>/dev/null | wc -l",
        shell=True, capture_output=True, check=True,
    )  # fmt: skip
    return int(found.stdout)


def test_stdout_stderr_and_status_are_kept_apart(ssh_guest):
    result = ssh_guest.run("echo out; echo err >&2; exit 7")
    assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"err\n", 7)


def test_output_arrives_while_the_command_runs(ssh_guest):
    arrived = []
    ssh_guest.run("echo one; sleep 0.6; echo two", on_output=lambda s, data: arrived.append(time.monotonic()))
    assert arrived[-1] - arrived[0] > 0.4


def test_a_large_script_on_stdin_is_echoed_without_deadlock(ssh_guest):
    script = b"x" * (1 << 20)
    assert ssh_guest.run("cat", stdin=script, timeout_s=30).stdout == script


def test_a_command_may_ignore_its_stdin(ssh_guest):
    assert ssh_guest.run("exit 3", stdin=b"x" * (3 << 20)).exit_code == 3


def test_without_stdin_the_command_reads_the_end(ssh_guest):
    assert ssh_guest.run("cat; echo done").stdout == b"done\n"


def test_what_is_fed_while_it_runs_follows_stdin_and_is_answered(ssh_guest):
    fed_and_answered(ssh_guest)


def test_a_flood_of_output_keeps_memory_flat(ssh_guest):
    total = 0

    def take(stream: str, data: bytes) -> None:
        nonlocal total
        total += len(data)

    ssh_guest.run("true")
    tracemalloc.start()
    ssh_guest.run("head -c 30000000 /dev/zero", on_output=take, timeout_s=120)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 30_000_000
    assert peak < 24 << 20  # the test's server has its buffers in this process too


def test_output_beyond_the_limit_is_refused_when_nobody_streams_it(ssh_guest):
    with pytest.raises(Refused, match="printed more"):
        ssh_guest.run("yes", timeout_s=60)


def test_a_killed_command_has_its_signal_in_the_status(ssh_guest):
    assert ssh_guest.run("kill -9 $$").exit_code == 137


def test_a_daemon_that_holds_stdout_delays_nothing(ssh_guest):
    started = time.monotonic()
    result = ssh_guest.run("sleep 20 & echo hi; exit 3")
    assert (result.stdout, result.exit_code) == (b"hi\n", 3)
    assert time.monotonic() - started < 5


def test_a_closed_stdout_does_not_end_the_wait_for_the_status(ssh_guest):
    assert ssh_guest.run("exec >&- 2>&-; sleep 0.5; exit 4").exit_code == 4


DETACHED = "(setsid sh -c 'trap : TERM; while :; do sleep 5; done' >/dev/null 2>&1 </dev/null &); sleep 60"


@pytest.mark.parametrize("command", ["sleep 60", "sleep 60 & wait", DETACHED])
def test_on_timeout_the_whole_tree_is_ended_in_time(ssh_guest, command):
    token = new_token()
    started = time.monotonic()
    with pytest.raises(TimedOut, match="its processes were ended"):
        ssh_guest.run(command, timeout_s=0.5, token=token)
    assert time.monotonic() - started < 0.5 + 5.5
    assert still_running(token) == 0


def test_cancel_is_heard_amid_a_flood_and_without_any_output(ssh_guest):
    for command in ("yes", "sleep 60"):
        cancel = threading.Event()
        timer = threading.Timer(0.3, cancel.set)
        timer.start()
        with pytest.raises(Cancelled, match="its processes were ended"):
            ssh_guest.run(command, cancel=cancel, on_output=lambda s, d: None)
        timer.join()


def test_when_the_caller_fails_the_command_is_ended(ssh_guest):
    token = new_token()

    def fail(stream: str, data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ssh_guest.run("echo; sleep 60", on_output=fail, token=token)
    assert still_running(token) == 0


def test_a_run_can_be_ended_from_another_connection_by_its_token(ssh_guest):
    token = new_token()
    ssh_guest.run("sleep 60 >/dev/null 2>&1 </dev/null & exit 0", token=token)
    assert still_running(token) > 0
    assert ssh_guest.end_run(token) == 0
    assert still_running(token) == 0


def test_a_server_that_dies_midway_is_unreachable(ssh_guest, server):
    timer = threading.Timer(0.5, lambda: server.transports[0].close())  # noqa: PLW0108  # not there yet
    timer.start()
    with pytest.raises(Unreachable):
        ssh_guest.run("sleep 5", timeout_s=30)
    timer.join()


def test_after_a_lost_connection_the_next_command_makes_a_new_one(ssh_guest, server):
    ssh_guest.run("true")
    server.transports[0].close()
    time.sleep(0.3)
    assert ssh_guest.run("echo back").stdout == b"back\n"
    assert server.connections == 2


def test_a_server_that_falls_silent_is_given_up(ssh_guest, server, monkeypatch):
    monkeypatch.setattr("hosts.drivers.ssh_life.ASK_AFTER_S", 0.2)
    monkeypatch.setattr("hosts.drivers.ssh_run.OPEN_S", 1.0)
    ssh_guest.run("true")
    quiet = server.transports[0]
    monkeypatch.setattr(quiet, "_send_message", lambda message: None)  # it reads, and never answers again
    started = time.monotonic()
    with pytest.raises(Unreachable):
        ssh_guest.run("sleep 30", timeout_s=60)
    assert time.monotonic() - started < 10


def test_no_exit_status_is_not_taken_for_success(ssh_guest, server):
    server.fault = "no status"
    with pytest.raises(Unreachable, match="without its exit status"):
        ssh_guest.run("true")


def test_a_command_too_long_for_small_servers_is_refused_in_words(ssh_guest):
    with pytest.raises(Refused, match="stdin"):
        ssh_guest.run("x" * 9000)
