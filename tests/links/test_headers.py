"""What passes between a browser and a guest, and what never does."""

import pytest

from links.addresses import Place, address, is_guests, place_in
from links.headers import cookie_of, to_browser, to_guest


def guest_gets(*pairs):
    return dict(to_guest(pairs, scheme="https", address="192.0.2.7"))


def test_what_belongs_to_one_hop_stays_there():
    got = guest_gets(
        (b"Connection", b"keep-alive, X-Mine"),
        (b"X-Mine", b"1"),
        (b"Keep-Alive", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"TE", b"trailers"),
        (b"Expect", b"100-continue"),
        (b"Proxy-Authorization", b"secret"),
        (b"Accept", b"*/*"),
    )
    assert set(got) == {b"accept", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}


def test_a_browser_cannot_say_what_only_the_proxy_knows():
    got = guest_gets(
        (b"Host", b"c1-80.localhost"), (b"X-Forwarded-For", b"10.0.0.1"), (b"Forwarded", b"for=x")
    )
    assert got == {
        b"host": b"c1-80.localhost",
        b"x-forwarded-for": b"192.0.2.7",
        b"x-forwarded-proto": b"https",
        b"x-forwarded-host": b"c1-80.localhost",
    }


def test_a_connection_header_cannot_take_the_host_or_the_length_away():
    pairs = [(b"connection", b"host, content-length, cookie"), (b"host", b"h"), (b"content-length", b"3")]
    assert {b"host", b"content-length"} <= set(guest_gets(*pairs))


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (b"cowweb_session=s; a=1; cowweb_pass=p", b"a=1"),
        (b"a=1;b=2 ; COWWEB_session=x", b"a=1; b=2"),
        (b"__Host-cowweb_session=s", None),
        (b"mycowweb_session=1", b"mycowweb_session=1"),
    ],
)
def test_the_guest_sees_no_cookie_of_ours(sent, got):
    assert guest_gets((b"cookie", sent)).get(b"cookie") == got


def test_a_guest_sets_cookies_for_its_own_name_only_and_none_that_pose_as_ours():
    cookies = [
        b"=cowweb_pass=x",
        b" = cowweb_session=x",
        b"\tcowweb_session=x",
        b"a=1; Domain=example.org; Path=/",
        b" cowweb_session=x",
        b"b=2; domain = .x ; HttpOnly",
    ]
    kept = [value for _, value in to_browser((b"Set-Cookie", cookie) for cookie in cookies)]
    assert kept == [b"a=1; Path=/", b"b=2; HttpOnly"]


def test_a_guest_does_not_speak_for_the_whole_domain():
    pairs = [(b"Clear-Site-Data", b'"*"'), (b"Strict-Transport-Security", b"max-age=9"), (b"ETag", b"e")]
    assert to_browser(pairs) == [(b"etag", b"e")]


def test_one_cookie_is_found_among_many():
    pairs = [(b"cookie", b"a=1; xcowweb_pass=no"), (b"cookie", b"cowweb_pass=yes=1; b=2")]
    assert cookie_of(pairs, b"cowweb_pass") == "yes=1"
    assert cookie_of(pairs, b"none") == ""


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("c12-8080.localhost:8000", Place(12, 8080)),
        ("C12-8080.LOCALHOST", Place(12, 8080)),
        ("c12-8080.localhost.", Place(12, 8080)),
        ("x.c12-8080.localhost", None),
        ("c012-80.localhost", None),
        ("c1-999999.localhost", None),
        ("localhost:8000", None),
        ("c1-80.localhost.evil.org", None),
    ],
)
def test_a_host_name_is_a_port_of_a_clone_or_nobodys(host, place):
    assert place_in(host) == place


def test_the_dashboards_own_names_are_never_guests(settings):
    assert not any(is_guests(host) for host in ("localhost", "localhost:8000", "127.0.0.1:8000", "[::1]", ""))
    settings.COWWEB_GUEST_DOMAIN = "guests.example.org"
    assert is_guests("c1-80.guests.example.org") and not is_guests("cow.example.org")
    assert address(Place(1, 80), "https", "cow.example.org") == "https://c1-80.guests.example.org"
