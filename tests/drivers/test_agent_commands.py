"""Commands through the agent, run on this host."""

import os
import secrets
import subprocess
import threading
import time
from pathlib import Path

import pytest

from hosts.drivers.agent import AgentGuest, agent_binary, wire
from hosts.drivers.agent.connection import Connection
from hosts.drivers.agent.wire import Type
from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Busy, Cancelled, Refused, TimedOut, Unreachable
from tests.drivers.agent_host import host_agent, until
from tests.drivers.driver_support import fed_and_answered

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with host_agent(agent_binary(tmp_path_factory.mktemp("cache")), tmp_path_factory.mktemp("m")) as agent:
        yield agent


@pytest.fixture
def guest(agent):
    with AgentGuest(agent.folder) as guest:
        yield guest


def alive(token: str) -> list[int]:
    """Processes that have this in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def test_streams_and_status_come_apart(guest):
    result = guest.run("echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")


def test_a_signal_is_128_and_its_number(guest):
    assert guest.run("kill -9 $$").exit_code == 137


def test_stdin_arrives_whole_and_ends(guest):
    data = os.urandom(3_000_000)
    assert guest.run("cat", stdin=data).stdout == data


def test_what_is_fed_while_it_runs_follows_stdin_and_is_answered(guest):
    fed_and_answered(guest)


def test_a_command_that_does_not_read_its_stdin_ends_all_the_same(guest):
    assert guest.run("exit 0", stdin=bytes(5_000_000)).exit_code == 0


def test_without_stdin_there_is_none(guest):
    assert guest.run("wc -c").stdout.strip() == b"0"


def test_a_long_command_comes_in_one_piece(guest):
    text = "x" * 100_000
    assert guest.run(f"printf %s '{text}'").stdout == text.encode()


def test_a_command_longer_than_the_agent_takes_is_refused(guest):
    with pytest.raises(Refused):
        guest.run("x" * 200_000)
    assert guest.run("echo still").stdout == b"still\n"


def test_output_comes_while_the_command_runs(guest):
    seen = []
    guest.run("echo a; sleep 0.5; echo b", on_output=lambda _, piece: seen.append((time.monotonic(), piece)))
    assert [piece for _, piece in seen] == [b"a\n", b"b\n"]
    assert seen[1][0] - seen[0][0] > 0.3


def test_100_mb_of_output_need_no_memory(agent, guest):
    total = 0

    def count(_stream, piece):
        nonlocal total
        total += len(piece)

    assert guest.run("head -c 100000000 /dev/zero", on_output=count).stdout == b""
    assert total == 100_000_000
    assert agent.rss_kb() < 4096


def test_more_output_than_is_kept_is_refused_and_ended(guest):
    with pytest.raises(Refused, match="32 MiB"):
        guest.run("yes")
    assert guest.run("echo still").stdout == b"still\n"


def test_a_daemon_that_keeps_the_pipes_does_not_keep_the_command(guest):
    started = time.monotonic()
    assert guest.run("sleep 20 & echo done").stdout == b"done\n"
    assert time.monotonic() - started < 5


def test_timeout_ends_daemons_that_detached_themselves(guest):
    token = secrets.token_hex(8)
    daemon = f"MARK={token} setsid sh -c 'trap : TERM HUP; while :; do sleep 1; done' >/dev/null 2>&1 &"
    started = time.monotonic()
    with pytest.raises(TimedOut):
        guest.run(f"({daemon}); ({daemon}) & sleep 100", timeout_s=1)
    assert time.monotonic() - started < 6
    assert alive(token) == []
    assert guest.run("echo still").stdout == b"still\n"


def test_a_gentle_end_comes_first(guest, tmp_path):
    flag = tmp_path / "flag"
    with pytest.raises(TimedOut):
        guest.run(f"trap 'echo bye > {flag}; exit' TERM; while :; do sleep 0.1; done", timeout_s=0.5)
    assert flag.read_text() == "bye\n"


def test_cancel_ends_a_command_soon(guest):
    cancel = threading.Event()

    def stop(_stream, _piece):
        cancel.set()

    started = time.monotonic()
    with pytest.raises(Cancelled):
        guest.run("echo go; sleep 100", on_output=stop, cancel=cancel)
    assert time.monotonic() - started < 3


def test_an_error_of_the_caller_ends_the_command(guest, tmp_path):
    token = secrets.token_hex(8)

    def fail(_stream, _piece):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guest.run(f"echo go; MARK={token} sleep 100", on_output=fail)
    assert alive(token) == []


def test_only_one_client_at_a_time(agent, guest):
    guest.ping()
    with AgentGuest(agent.folder) as second, pytest.raises(Busy):
        second.ping()
    guest.close()
    with AgentGuest(agent.folder) as second:
        second.ping()


def connect(agent):
    return Connection(agent.folder, deadline=Deadline(10, what="the test"))


def start(connection, command):
    channel = connection.new_id()
    connection.send(Type.EXEC, channel, wire.fields(("R", b"t"), ("C", command.encode())))
    return channel


def credit(connection, channel, count=65536):
    connection.send(Type.CREDIT, channel, wire.NUMBER.pack(count))


def test_several_commands_run_at_once(agent):
    with connect(agent) as connection:
        channels = [start(connection, f"sleep 0.5; echo {number}") for number in range(10)]
        for channel in channels:
            credit(connection, channel)
        started, printed, ended = time.monotonic(), {}, set()
        while ended != set(channels):
            frame = connection.receive(5)
            if frame.type is Type.STDOUT:
                printed[frame.id] = frame.payload
            elif frame.type is Type.END:
                ended.add(frame.id)
        assert [printed[channel] for channel in channels] == [b"%d\n" % number for number in range(10)]
        assert time.monotonic() - started < 4


def test_a_command_outlives_its_host_and_gives_the_next_one_its_output(agent, tmp_path):
    with connect(agent) as connection:
        channel = start(connection, f"yes | head -c 1000000; touch {tmp_path}/done; exit 7")
        connection.answer(channel, Type.STARTED, Deadline(5, what="the test"))
    time.sleep(0.3)
    assert not (tmp_path / "done").exists()  # nobody took its output, so it waits
    with connect(agent) as connection:
        credit(connection, channel, 2_000_000)
        total = 0
        while (frame := connection.receive(5)).type is not Type.END:
            total += len(frame.payload)
        assert (total, frame.pair()) == (1_000_000, (0, 7))


@pytest.mark.parametrize("kept", [1, 5, 8, 9, 30, 1000])
def test_a_host_that_left_in_the_middle_of_a_frame_does_no_harm(agent, tmp_path, kept):
    flag = tmp_path / "flag"
    whole = wire.encode(Type.EXEC, 5, wire.fields(("C", f"touch {flag}; : {'x' * 2000}".encode())))
    first = connect(agent)
    first._outgoing += whole[:kept]
    first._exchange(1)
    first.close()
    with connect(agent) as second:
        request = second.new_id()
        second.send(Type.PING, request, b"?")
        assert second.answer(request, Type.PONG, Deadline(5, what="the test")).payload == b"?"
    assert not flag.exists()


def test_noise_from_a_host_does_no_harm(agent):
    noisy = connect(agent)
    noisy._outgoing += os.urandom(100_000)
    with pytest.raises((TimedOut, Unreachable)):
        while True:
            noisy.answer(1, Type.PONG, Deadline(0.5, what="the test"))
    noisy.close()
    with AgentGuest(agent.folder) as guest:
        assert guest.run("echo still").stdout == b"still\n"


def test_the_agent_going_away_is_said(tmp_path, agent):
    binary = Path(f"/proc/{agent.process.pid}/exe").resolve()
    with host_agent(binary, tmp_path) as short_lived, AgentGuest(tmp_path) as guest:
        guest.ping()
        subprocess.run(["kill", "-9", str(short_lived.process.pid)], check=True)
        with pytest.raises(Unreachable):
            guest.run("true", timeout_s=5)
        until(lambda: short_lived.process.poll() is not None)
