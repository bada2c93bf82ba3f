"""Fetching from an address: over TLS from a real server, and never into our own network."""

import hashlib
import os

import pytest

from bases.fetching import FetchError, Limits, Network, Stopped, fetched, internet, small_fetched
from bases.fetching.network import CheckedConnection, checked_url, connected, public
from tests.support.https import https_server, redirect

DATA = os.urandom(3_000_000)
LIMITS = Limits(most_bytes=4_000_000)


def endless(handler):
    """Announces nothing and never ends by itself."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(bytes(1_000_000))


def lying(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 400)
    handler.wfile.flush()
    handler.connection.close()


def packed(handler):
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()


@pytest.fixture(scope="module")
def server():
    answers = {
        "/disk.qcow2": DATA,
        "/sums": b"abc  disk.qcow2\n",
        "/endless": endless,
        "/lying": lying,
        "/packed": packed,
        "/large": lambda h: (
            h.send_response(200),
            h.send_header("Content-Length", "9000000"),
            h.end_headers(),
        ),
        "/loop": redirect("/loop"),
        "/plain": redirect("http://images.test/disk.qcow2"),
        "/with-name": redirect("https://me:secret@images.test/disk.qcow2"),
        "/inwards": redirect("https://inside.test/secret"),
        "/nowhere": redirect(""),
        "/to-file": redirect("file:///etc/shadow"),
        "/to-here": redirect("//127.0.0.1/disk.qcow2"),
        "/to-metadata": redirect("https://169.254.169.254/latest/meta-data/"),
        "/to-a-number": redirect("https://2130706433/disk.qcow2"),
        "/to-six": redirect("https://[::ffff:127.0.0.1]/disk.qcow2"),
        "/to-gopher": redirect("gopher://images.test:6379/_FLUSHALL"),
    }
    with https_server(answers) as made:
        answers["/mirror"] = redirect(made.url("/disk.qcow2", "mirror.test"), 307)
        made.names["inside.test"] = ["127.0.0.1", "10.0.0.8"]
        made.names["other.test"] = ["127.0.0.1"]
        made.names["empty.test"] = []
        yield made


def get(server, path, tmp_path, **options):
    url = path if "://" in path else server.url(path)
    options = {"on_progress": lambda received, total: None, "network": server.network, **options}
    return fetched(url, tmp_path / "arriving", options.pop("limits", LIMITS), **options)


def test_a_file_arrives_whole_with_its_digests_and_progress(server, tmp_path):
    seen = []
    found = get(server, "/disk.qcow2", tmp_path, on_progress=lambda *now: seen.append(now))
    assert (tmp_path / "arriving").read_bytes() == DATA
    assert (found.size, found.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert found.sha512 == hashlib.sha512(DATA).hexdigest()
    assert (seen[0], seen[-1]) == ((0, len(DATA)), (len(DATA), len(DATA)))


def test_a_redirect_is_followed_and_where_it_led_is_said(server, tmp_path):
    assert get(server, "/mirror", tmp_path).url == server.url("/disk.qcow2", "mirror.test")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nothing", "answered 404"),
        ("/loop", "More than 5 redirects"),
        ("/plain", "must begin with https"),
        ("/with-name", "may not have a user name"),
        (
            "/inwards",
            "images.test redirects to 'https://inside.test/secret': inside.test leads to 10.0.0.8, which is no public address",
        ),
        ("/nowhere", "redirects"),
        ("/to-file", "must begin with https"),
        ("/to-gopher", "must begin with https"),
        ("/to-here", r"disk.qcow2': .*127\.0\.0\.1"),
        ("/to-metadata", r"169\.254\.169\.254"),
        ("/to-a-number", "2130706433"),
        ("/to-six", "::ffff:127"),
        ("/large", "more than this site takes: 4,000,000 bytes"),
        ("/endless", "more than this site takes"),
        ("/lying", "after 400 "),
        ("/packed", "packs what it sends"),
        ("https://unknown.test/x", "This machine cannot find unknown.test"),
        ("https://empty.test/x", "has no address"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(server, tmp_path, path, words):
    with pytest.raises(FetchError, match=words):
        get(server, path, tmp_path)


def test_no_connection_stays_open_however_it_ended(server, tmp_path, monkeypatch):
    """While whoever asked still holds the error, too."""
    made, errors, connect = [], [], CheckedConnection.connect

    def noted(self):
        connect(self)
        made.append(self.sock)

    monkeypatch.setattr(CheckedConnection, "connect", noted)
    for path in ("/disk.qcow2", "/mirror", "/nothing", "/large", "/packed", "/lying"):
        try:
            get(server, path, tmp_path)
        except FetchError as error:
            errors.append(error)
    assert (len(made), len(errors)) == (7, 4)
    assert {sock.fileno() for sock in made} == {-1}


def test_a_host_that_cannot_prove_its_name_is_refused(server, tmp_path):
    with pytest.raises(FetchError, match=r"did not prove that it is other\.test"):
        get(server, server.url("/disk.qcow2", "other.test"), tmp_path)


def test_a_private_address_is_never_connected_to(server, tmp_path):
    before = len(server.asked)
    with pytest.raises(FetchError, match="no public address"):
        get(server, server.url("/disk.qcow2", "inside.test"), tmp_path)
    assert len(server.asked) == before


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(server, tmp_path):
    """A name that answers otherwise the second time is not asked a second time."""
    answers = iter([["127.0.0.1"]])
    network = Network(lambda host, port: next(answers), server.allows, server.network.context)
    assert get(server, "/disk.qcow2", tmp_path, network=network).size == len(DATA)


def test_it_stops_when_nobody_wants_it_any_more(server, tmp_path):
    def enough(received, total):
        if received:
            raise Stopped

    with pytest.raises(Stopped):
        get(server, "/disk.qcow2", tmp_path, on_progress=enough)


def test_it_takes_no_longer_than_it_may(server, tmp_path):
    with pytest.raises(FetchError, match="took more than 0 s"):
        get(server, "/disk.qcow2", tmp_path, limits=Limits(4_000_000, seconds=0))


def test_a_small_text_is_read_and_a_large_one_is_none(server):
    assert small_fetched(server.url("/sums"), network=server.network) == b"abc  disk.qcow2\n"
    with pytest.raises(FetchError, match="more than"):
        small_fetched(server.url("/disk.qcow2"), network=server.network)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1%2"),
        *("fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2001:db8::1", "2001::1", "::127.0.0.1", "fec0::1"),
    ],
)
def test_addresses_of_ones_own_are_not_public(address):
    assert not public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "2130706433", "0x7f.1", "127.1", "0", "[::1]", "[::ffff:10.0.0.1]", "localhost"),
        *("017700000001", "[fd00:ec2::254]"),
    ],
)
def test_no_spelling_of_an_address_of_ones_own_is_connected_to(host):
    """By this host's own resolver, as an import has it."""
    with pytest.raises(FetchError, match=r"no public address|cannot find"):
        connected(internet(), checked_url(f"https://{host}/disk.qcow2"))


def test_an_address_that_is_refused_is_named_once():
    with pytest.raises(FetchError, match=r"^127\.0\.0\.1 is no public address"):
        connected(internet(), checked_url("https://127.0.0.1/disk.qcow2"))


@pytest.mark.parametrize("address", ["1.1.1.1", "151.101.2.132", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address):
    assert public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://images.test/x", "ftp://images.test/x", "file:///etc/passwd", "images.test/x", ""),
        *("https://me@images.test/x", "https://me:pw@images.test/", "https:///x", "https://images.test:0/"),
        *(
            "https://images.test:99999/",
            "https://images.test/a b",
            "https://images.test/\n",
            "https://ï.test/",
        ),
        *("https://[::1/x", "https://images.test/" + "x" * 2048),
    ],
)
def test_other_addresses_are_refused_before_anything_is_asked(url):
    with pytest.raises(FetchError, match="url="):
        checked_url(url)
