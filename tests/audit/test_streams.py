"""Syslog and a webhook get every record once and in order, also when they were away for a while."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone

from audit.archiving import archive_make
from audit.models import ChainHead, Stream
from audit.services import operation
from audit.sinks import signature
from audit.streams import records_streamed
from cowweb.errors import DomainError

pytestmark = pytest.mark.django_db
SECRET = "a-canary-secret"


@pytest.fixture
def told(record):
    """The streams begin, and then there are three more commands: six records."""

    def begin():
        records_streamed()
        first = ChainHead.objects.get().seq + 1
        record(3)
        return list(range(first, first + 6))

    return begin


def lines_of(stream):
    """RFC 6587: each message after its length."""
    while stream:
        length, _, rest = stream.partition(b" ")
        yield rest[: int(length)].decode()
        stream = rest[int(length) :]


def numbers(lines):
    return [int(re.search(r' seq="(\d+)"', line)[1]) for line in lines]


def test_syslog_over_udp_has_the_form_of_rfc_5424(told, settings):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        settings.COWWEB_AUDIT_SYSLOG = f"udp://127.0.0.1:{server.getsockname()[1]}"
        expected = told()
        records_streamed()
        lines = [server.recv(65536).decode() for _ in expected]
    assert numbers(lines) == expected
    head, _, said = lines[-1].partition(" \ufeff")
    assert re.fullmatch(
        r"<108>1 \d{4}-\d\d-\d\dT[\d:.]+\+00:00 \S+ cowweb \d+ outcome"
        r' \[cowweb@32473 chain="\w{32}" seq="\d+" hash="\w{64}"\]',
        head,
    )
    assert json.loads(said)["reason"] == "no room"


def test_a_record_that_no_datagram_holds_does_not_hold_up_the_rest(told, settings, actor):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        settings.COWWEB_AUDIT_SYSLOG = f"udp://127.0.0.1:{server.getsockname()[1]}"
        records_streamed()
        with pytest.raises(DomainError), operation(actor, "parse", params={"names": ["x" * 99] * 1000}):
            raise DomainError("line 1: no such key\n" * 9000)
        expected = told()
        records_streamed()
        lines = [server.recv(65536).decode() for _ in range(2 + len(expected))]
    first, outcome, *_ = [json.loads(line.partition(" \ufeff")[2]) for line in lines]
    assert first["params"] == "… (too long for a datagram)"
    assert (first["action"], len(outcome["reason"]) <= 4001) == ("parse", True)
    assert numbers(lines)[2:] == expected
    assert Stream.objects.get().failure == ""


def test_syslog_over_a_unix_socket(told, settings, tmp_path):
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(5)
        settings.COWWEB_AUDIT_SYSLOG = f"unix://{tmp_path}/log"
        expected = told()
        records_streamed()
        assert numbers(server.recv(65536).decode() for _ in expected) == expected


def test_what_syslog_missed_over_tcp_comes_when_it_is_back(told, settings, monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    settings.COWWEB_AUDIT_SYSLOG = f"tcp://127.0.0.1:{port}"
    expected = told()
    records_streamed()
    stream = Stream.objects.get()
    assert (stream.failures, stream.seq) == (1, expected[0] - 1)
    assert stream.next_at > timezone.now()
    records_streamed()  # not yet: it waits
    assert Stream.objects.get().failures == 1
    Stream.objects.update(next_at=None)

    with closing(socket.create_server(("127.0.0.1", port))) as server:
        monkeypatch.setattr("audit.sinks.TIMEOUT_S", 0.3)
        records_streamed()
        connection, _ = server.accept()
        with closing(connection):
            got = b"".join(iter(lambda: connection.recv(65536), b""))
    assert numbers(lines_of(got)) == expected
    assert Stream.objects.get().failure == ""


def test_nonsense_is_said_and_loses_nothing(told, settings):
    settings.COWWEB_AUDIT_SYSLOG = "carrier-pigeon"
    expected = told()
    records_streamed()
    stream = Stream.objects.get()
    assert (stream.seq, "write udp://HOST:514" in stream.failure) == (expected[0] - 1, True)


class Hook:
    """A server that answers as it is told to, and keeps what it took."""

    def __init__(self):
        hook = self
        self.answers, self.taken = [], []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.answers.pop(0) if hook.answers else 204
                if status == 204:
                    hook.taken.append((self.headers, body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.timeout = 10
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def during(self, work):
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(self.server.handle_request)
            work()
            answered.result(10)


@pytest.fixture
def hook(settings):
    made = Hook()
    settings.COWWEB_AUDIT_WEBHOOK, settings.COWWEB_AUDIT_WEBHOOK_SECRET = made.url, SECRET
    yield made
    made.server.server_close()


def test_the_webhook_gets_signed_portions(told, hook):
    expected = told()
    hook.during(records_streamed)
    headers, body = hook.taken[0]
    said = json.loads(body)
    assert [record["seq"] for record in said["records"]] == expected
    assert headers["X-CoWWeb-Delivery"] == f"{said['chain']}-{expected[0]}-{expected[-1]}"
    signed = signature(SECRET, headers["X-CoWWeb-Timestamp"], body)
    assert headers["X-CoWWeb-Signature"] == f"sha256={signed}"
    assert Stream.objects.get().seq == expected[-1]
    records_streamed()  # nothing new, nobody is asked
    assert len(hook.taken) == 1


def test_a_webhook_that_refuses_gets_the_same_again_later(told, hook, record):
    hook.answers = [500, 503]
    expected = told()
    for failures in (1, 2):
        hook.during(records_streamed)
        stream = Stream.objects.get()
        assert (stream.failures, stream.seq) == (failures, expected[0] - 1)
        assert f"answered {[500, 503][failures - 1]}" in stream.failure
        assert (stream.next_at - timezone.now()).total_seconds() > 2 ** (failures - 1) - 1
        Stream.objects.update(next_at=None)
    hook.during(records_streamed)
    assert [record["seq"] for record in json.loads(hook.taken[0][1])["records"]] == expected


def test_a_webhook_without_a_secret_gets_nothing(told, settings):
    settings.COWWEB_AUDIT_WEBHOOK = "https://example.org/"
    told()
    records_streamed()
    assert "COWWEB_AUDIT_WEBHOOK_SECRET is not set" in Stream.objects.get().failure


def test_what_was_not_told_yet_is_not_archived(told, settings, actor):
    settings.COWWEB_AUDIT_SYSLOG = "carrier-pigeon"
    expected = told()
    archive = archive_make(before=timezone.now(), actor=actor)
    assert archive.last_seq == expected[0] - 1
