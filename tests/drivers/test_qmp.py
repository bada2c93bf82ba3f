"""The monitor always answers within a deadline, or says why not."""

import json
import threading
import time

import pytest

from hosts.drivers.errors import DriverError, NotFound, TimedOut, Unreachable
from hosts.drivers.qmp import Qmp
from hosts.drivers.unix_sockets import listening


def test_nobody_listening_is_unreachable(tmp_path):
    with pytest.raises(Unreachable):
        Qmp(tmp_path)
    listening(tmp_path, "qmp.sock").close()
    with pytest.raises(Unreachable):
        Qmp(tmp_path)


def test_a_monitor_that_says_nothing_meets_the_deadline(tmp_path):
    with listening(tmp_path, "qmp.sock"):
        started = time.monotonic()
        with pytest.raises(TimedOut, match="greet"):
            Qmp(tmp_path, timeout_s=0.2)
        assert time.monotonic() - started < 2


GREETING = {"QMP": {"version": {"qemu": {}, "package": ""}, "capabilities": []}}


def test_a_monitor_that_goes_just_after_its_greeting_is_unreachable(tmp_path):
    """What the library meets with an assertion, as often as the end comes before it looks."""
    with listening(tmp_path, "qmp.sock") as monitor:

        def goes():
            for _ in range(20):
                peer, _ = monitor.accept()
                with peer:
                    peer.sendall(json.dumps(GREETING).encode() + b"\r\n")
                    asked = json.loads(peer.recv(4096))
                    peer.sendall(json.dumps({"return": {}, "id": asked.get("id")}).encode() + b"\r\n")

        going = threading.Thread(target=goes)
        going.start()
        for _ in range(20):
            with pytest.raises(Unreachable), Qmp(tmp_path) as qmp:
                qmp.execute("query-status")
        going.join()


@pytest.mark.parametrize("events", [1, 2])
def test_an_event_before_the_answer_to_its_greeting_is_no_refusal(tmp_path, events):
    """Greeted anew once; a monitor that does so again and again is not waited for."""
    with listening(tmp_path, "qmp.sock") as monitor:

        def told(peer, *messages):
            for message in messages:
                peer.sendall(json.dumps(message).encode() + b"\r\n")

        def answers():
            for number in range(2):
                peer, _ = monitor.accept()
                with peer:
                    told(peer, GREETING)
                    peer.recv(4096)
                    told(peer, *[{"event": "STOP", "data": {}}] * (number < events), {"return": {}})
                    if asked := peer.recv(4096):
                        told(peer, {"return": {"running": False}, "id": json.loads(asked)["id"]})

        answering = threading.Thread(target=answers)
        answering.start()
        if events == 1:
            with Qmp(tmp_path) as qmp:
                assert qmp.execute("query-status") == {"running": False}
        else:
            with pytest.raises(Unreachable, match="twice"):
                Qmp(tmp_path)
        answering.join()


def test_a_refused_command_keeps_qemus_words(driver, empty_machine):
    spec = empty_machine()
    driver.start(spec)
    with Qmp(spec.folder) as qmp:
        with pytest.raises(DriverError, match="has not been found"):
            qmp.execute("no-such-command")
        with pytest.raises(NotFound):
            qmp.execute("blockdev-snapshot-delete-internal-sync", {"device": "disk", "name": "none"})
        assert qmp.execute("query-status")["running"]


def test_a_second_caller_waits_its_turn_and_then_gives_up(driver, empty_machine):
    spec = empty_machine()
    driver.start(spec)
    with Qmp(spec.folder), pytest.raises(TimedOut):
        Qmp(spec.folder, timeout_s=0.2)
    with Qmp(spec.folder) as qmp:
        assert qmp.execute("query-status")["running"]


def test_it_works_from_any_thread(driver, empty_machine):
    spec = empty_machine()
    record = driver.start(spec).record
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(driver.status(record))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["running"] * 4


def test_qemu_dying_under_a_connection_is_unreachable(driver, empty_machine):
    spec = empty_machine()
    driver.start(spec)
    with Qmp(spec.folder) as qmp:
        qmp.execute("quit")
        with pytest.raises(Unreachable):
            for _ in range(100):
                qmp.execute("query-status")
                time.sleep(0.02)
