"""What a header asks to wait for: each check is waited for and shown, and the run's time is the limit."""

import contextlib
import http.server
import socket
import threading
import time

import pytest

from clones.models import Clone
from hosts.drivers.errors import Unreachable
from provisioning import checks
from provisioning.going_on import run_retry
from tests.provisioning.test_going_on import carried, states

pytestmark = pytest.mark.slow


class Health(http.server.BaseHTTPRequestHandler):
    """Answers 503 twice, then 200; keeps silent about it."""

    asked = 0

    def do_GET(self):
        type(self).asked += 1
        self.send_response(200 if self.path == "/health" and type(self).asked > 2 else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def service():
    """A port of this host that answers over HTTP."""
    Health.asked = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def forwarding(service):
    """Makes a clone's port 8080 lead to that service, and port 9 to nothing."""

    def forward(run):
        clone = Clone.objects.get(pk=run.clone_id)
        Clone.objects.filter(pk=clone.pk).update(forwards=[*clone.forwards, [8080, service], [9, 1]])

    return forward


@pytest.mark.parametrize(
    "piece", [b"H", b"HTTP/1.1 2", b"\0" * 100_000, b"HTTP/1.1 999999 x\r\n", b"nonsense\r\n"]
)
def test_a_guest_that_never_comes_to_an_answer_holds_nothing_up(monkeypatch, piece):
    monkeypatch.setattr(checks, "ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=dripped, args=(server, piece))
        thread.start()
        start = time.monotonic()
        assert checks.page_answers(server.getsockname()[1], "/") == "no answer over HTTP"
        assert time.monotonic() - start < 2
        thread.join()


def dripped(server, piece):
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        while True:
            connection.sendall(piece)
            time.sleep(0.05)


def test_what_a_check_finds_shows_no_secret(on_shell):
    secret = "c4n4ry-0f-4-ch3ck"
    run, _ = on_shell(
        "# kvm-infra-param: TOKEN secret",
        "# kvm-infra-timeout: 2",
        '# kvm-infra-check: exec:echo "$(cat $HOME/left)" >&2; false',
        'echo "$TOKEN" > "$HOME/left"',
        parameters={"TOKEN": secret},
    )
    carried(run)
    assert run.status == "timed_out" and "•••" in run.failure
    notes = " ".join(run.phases.values_list("note", flat=True))
    assert secret not in f"{run.checks} {run.failure} {notes}"


def rows(run):
    return [(row["check"], row["state"], row["found"]) for row in run.checks]


def test_checks_are_waited_for_in_turn_and_shown(on_shell, forwarding, tmp_path, client, admin):
    run, _ = on_shell(
        "# kvm-infra-check: http:8080/health",
        "# kvm-infra-check: tcp:8080",
        f"# kvm-infra-check: exec:test -e {tmp_path}/made",
        f"(sleep 1; touch {tmp_path}/made) >/dev/null 2>&1 &",
    )
    forwarding(run)
    carried(run)
    assert (run.status, Clone.objects.get(pk=run.clone_id).status) == ("succeeded", "stopped")
    assert [(state, found) for _, state, found in rows(run)] == [("done", "")] * 3
    assert run.phases.get(name="checks").note == "3 passed"
    client.force_login(admin)
    assert "http:8080/health" in client.get(f"/runs/{run.pk}/").content.decode()


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ("http:8080/elsewhere", "it answers 503"),
        ("http:9/", "no answer over HTTP"),
        ("tcp:9", "nothing listens there"),
        ("exec:echo not yet >&2; exit 7", "exit status 7, not yet"),
    ],
)
def test_a_check_that_never_passes_ends_the_run_at_its_time_and_says_what_was_found(
    on_shell, forwarding, check, found
):
    run, _ = on_shell("# kvm-infra-timeout: 3", f"# kvm-infra-check: {check}", "true")
    forwarding(run)
    carried(run)
    assert (run.status, run.failed_phase, run.exit_code) == ("timed_out", "checks", 0)
    assert run.failure == f"The check {check} did not pass within the run's 3 s: {found}"
    assert rows(run) == [(check, "failed", found)]
    assert run.phases.get(name="checks").ms < 8000


@pytest.mark.parametrize(("status", "ends"), [("running", "succeeded"), ("failed", "failed")])
def test_a_guest_that_is_away_for_a_moment_is_waited_for_while_its_machine_runs(
    on_shell, monkeypatch, status, ends
):
    run, _ = on_shell("# kvm-infra-timeout: 20", "# kvm-infra-check: exec:true", "true")
    looks: list[str] = []

    def away_at_first(*_: object, **__: object) -> str:
        looks.append("")
        if len(looks) == 1:
            Clone.objects.filter(pk=run.clone_id).update(status=status)
            raise Unreachable("the guest's SSH server went away")
        return ""

    monkeypatch.setattr("provisioning.checking.looked_at", away_at_first)
    carried(run)
    assert (run.status, len(looks)) == (ends, 2 if ends == "succeeded" else 1)


def test_a_retry_of_the_checks_does_not_run_the_script_again(on_shell, tmp_path, actor):
    run, _ = on_shell(
        "# kvm-infra-timeout: 3",
        f"# kvm-infra-check: exec:test -e {tmp_path}/mended",
        f"echo ran >> {tmp_path}/count",
        afterwards="keep",
    )
    carried(run)
    assert states(run)["checks"] == "failed"
    (tmp_path / "mended").touch()
    run_retry(run=run, actor=actor)
    carried(run)
    assert (run.status, run.attempt) == ("succeeded", 2)
    assert (tmp_path / "count").read_text() == "ran\n"


def test_a_port_that_is_no_ingress_port_is_forwarded_for_the_look(on_shell):
    run, _ = on_shell("# kvm-infra-timeout: 3", "# kvm-infra-check: tcp:7070", "true", afterwards="keep")
    carried(run)
    assert 7070 in dict(Clone.objects.get(pk=run.clone_id).forwards)
