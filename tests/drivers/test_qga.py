"""The guest agent's protocol, against agents that lie, talk nonsense or say nothing."""

import fcntl
import json
import os
import threading
import time

import pytest

from hosts.drivers.deadline import Deadline
from hosts.drivers.errors import Busy, Cancelled, DriverError, Refused, TimedOut, Unreachable
from hosts.drivers.qga import LOCK, SHORT_REPLY, GuestAgent
from hosts.drivers.qga_guest import QgaGuest
from hosts.drivers.unix_sockets import listening


class Agent:
    """Answers each request by `answer(request) -> bytes`; the sync honestly unless told otherwise."""

    def __init__(self, folder, answer, *, sync=None):
        self.answer = answer
        self.sync = sync or (lambda number: b'\xff{"return": %d}\n' % number)
        self.listener = listening(folder, "qga.sock")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                try:
                    for line in lines:
                        client.sendall(self._reply(json.loads(line.lstrip(b"\xff"))))
                except OSError:
                    continue

    def _reply(self, request) -> bytes:
        if request["execute"] == "guest-sync-delimited":
            return self.sync(request["arguments"]["id"])
        return self.answer(request)


@pytest.fixture
def folder(tmp_path):
    """Longer than a socket's address may be."""
    path = tmp_path / ("long" * 20) / ("path" * 20)
    path.mkdir(parents=True)
    return path


def ask(folder, command="guest-ping", timeout_s=3.0, cancel=None):
    watch = Deadline(timeout_s, cancel, what="asking")
    with GuestAgent(folder).session(watch) as session:
        return session.call(command)


def test_an_answer_comes_through_what_others_left_unread(folder):
    left = b'{"return": {"half'
    Agent(folder, lambda _: b'{"return": 5}\n', sync=lambda n: left + b'\xff{"return": %d}\n' % n)
    assert ask(folder) == 5


def test_an_answer_to_an_older_question_is_passed_over(folder):
    Agent(
        folder,
        lambda _: b'{"return": {}}\n',
        sync=lambda n: (
            b'{"error": {"class": "x", "desc": "stray"}}\n\xff{"return": 1}\n\xff{"return": %d}\n' % n
        ),
    )
    assert ask(folder) == {}


def test_the_agent_s_refusal_keeps_its_words(folder):
    Agent(folder, lambda _: b'{"error": {"class": "CommandNotFound", "desc": "was disabled"}}\n')
    with pytest.raises(Refused, match="was disabled"):
        ask(folder)


@pytest.mark.parametrize(
    "nonsense",
    [b"hello\n", b"[1]\n", b'{"error": 3}\n', b"\x00\xff\xfe\n", b"[" * 100_000 + b"\n", b"{}\n"],
)
def test_nonsense_is_unreachable(folder, nonsense):
    Agent(folder, lambda _: nonsense)
    with pytest.raises(Unreachable):
        ask(folder)


def test_an_answer_without_an_end_is_given_up(folder):
    Agent(folder, lambda _: b"x" * (SHORT_REPLY + (1 << 20)))
    with pytest.raises(Unreachable, match="no end"):
        ask(folder)


def test_an_agent_that_never_answers_times_out_or_is_cancelled(folder):
    Agent(folder, lambda _: b"", sync=lambda n: b"")
    started = time.monotonic()
    with pytest.raises(TimedOut):
        ask(folder, timeout_s=0.5)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        ask(folder, cancel=cancel)
    assert time.monotonic() - started < 2


def test_no_machine_and_a_machine_that_goes_are_unreachable(folder):
    with pytest.raises(Unreachable):
        ask(folder)
    listener = listening(folder, "qga.sock")
    threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()  # noqa: PLW0108
    with pytest.raises(Unreachable):
        ask(folder)
    listener.close()


def test_while_others_hold_the_agent_it_is_busy(folder):
    Agent(folder, lambda _: b'{"return": {}}\n')
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(Busy):
        ask(folder, timeout_s=0.3)
    os.close(lock)
    assert ask(folder) == {}


@pytest.mark.parametrize(
    "lie",
    [
        b'{"return": {"pid": "no"}}\n',
        b'{"return": {"pid": 1, "exited": true}}\n',
        b'{"return": {"pid": 1, "exited": true, "exitcode": "0"}}\n',
        b'{"return": 7}\n',
    ],
)
def test_a_lying_agent_does_not_get_a_command_through(folder, lie):
    Agent(folder, lambda _: lie)
    with pytest.raises(DriverError):
        QgaGuest(folder).run("true", timeout_s=3)


def test_readiness_waits_for_the_agent(folder):
    agent = Agent(folder, lambda _: b'{"return": {}}\n', sync=lambda n: b"")
    honest = threading.Timer(0.5, lambda: setattr(agent, "sync", lambda n: b'\xff{"return": %d}\n' % n))
    honest.start()
    QgaGuest(folder).wait_ready(timeout_s=10)
    honest.join()


def test_the_socket_is_free_again_after_each_exchange(folder):
    Agent(folder, lambda _: b'{"return": {}}\n')
    for _ in range(3):
        assert ask(folder) == {}


def test_an_answer_that_nobody_waited_for_is_taken_in_the_end(folder):
    """The real agent spins until somebody does."""
    asked = []

    def sync(number):
        asked.append(number)
        if len(asked) == 1:
            time.sleep(0.3)  # the first question is given up meanwhile
        return b'\xff{"return": %d}\n' % number

    pinged = []
    Agent(folder, lambda request: pinged.append(request["execute"]) or b'{"return": {}}\n', sync=sync)
    guest = QgaGuest(folder)
    assert not guest.answers(0.1, Deadline(5, what="asking"))
    assert pinged == []
    guest.close()
    assert pinged == ["guest-ping"]
    guest.close()
    assert pinged == ["guest-ping"]
