"""Where people are signed in: listed, ended one by one or all at once, and with the person."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from people.models import Totp, Visit
from people.visits import SEEN
from tests.people.test_sign_in import PASSWORD, app_set_up, later_code, try_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
SECURITY = "/settings/security/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def two(crowd):
    """Two browsers of the member."""
    return try_in(HTTP_USER_AGENT=FIREFOX)[0], try_in(REMOTE_ADDR="192.0.2.7")[0]


def is_in(client) -> bool:
    return client.get("/settings/").status_code == 200


def test_sessions_are_listed_with_browser_address_and_when(two):
    page = two[1].get(SECURITY).content.decode()
    for words in ("Firefox on Linux", "192.0.2.7", "127.0.0.1", "This browser", "Sign out all others"):
        assert words in page


def test_seeing_someone_again_is_noted_once_a_minute(two, django_assert_num_queries):
    client = two[0]
    Visit.objects.update(seen_at=timezone.now() - timezone.timedelta(hours=1))
    before = Visit.objects.first().seen_at
    client.get("/settings/")
    assert Visit.objects.get(pk=Visit.objects.first().pk).seen_at == before
    session = client.session
    session[SEEN] -= 61
    session.save()
    client.get("/settings/")
    assert timezone.now() - Visit.objects.get(pk=session["visit"]).seen_at < timezone.timedelta(minutes=1)


def test_one_session_is_ended_and_the_other_stays(two):
    other = Visit.objects.get(address="192.0.2.7")
    two[0].post(f"/people/_sessions/{other.pk}/end/")
    assert [is_in(client) for client in two] == [True, False]
    assert AuditEntry.objects.order_by("-pk")[0].params["address"] == "192.0.2.7"


def test_all_others_are_ended(two):
    two[1].post(SECURITY + "sessions/end/")
    assert [is_in(client) for client in two] == [False, True]


def test_nobody_ends_someone_elses_session_but_an_administrator(two):
    visit = Visit.objects.first()
    try_in("owner")[0].post(f"/people/_sessions/{visit.pk}/end/")
    assert is_in(two[0])
    boss, _ = try_in("administrator")
    boss.post(f"/people/_sessions/{visit.pk}/end/")
    assert [is_in(client) for client in two] == [False, True]
    boss.post("/people/member/sessions/end/")
    assert not is_in(two[1])


def test_a_new_password_signs_every_other_browser_out_and_gives_this_one_a_new_key(two):
    before = two[0].session.session_key
    answer = two[0].post(SECURITY + "password/", {"current": "wrong", "password": "another-long-one"})
    assert answer.status_code == 422
    answer = two[0].post(SECURITY + "password/", {"current": PASSWORD, "password": "short"})
    assert "too short" in answer.content.decode()
    two[0].post(SECURITY + "password/", {"current": PASSWORD, "password": "another-long-one"})
    assert [is_in(client) for client in two] == [True, False]
    assert two[0].session.session_key != before
    assert "This browser" in two[0].get(SECURITY).content.decode()
    assert try_in()[1].status_code == 422
    assert try_in(password="another-long-one")[1].status_code == 302


def test_disabling_a_person_ends_their_sessions(two):
    try_in("administrator")[0].post("/people/member/active/")
    assert not is_in(two[0])
    assert Session.objects.count() == 1
    assert not Visit.objects.filter(user__username="member").exists()


def test_what_changes_the_way_in_asks_who_is_there(two):
    client = two[0]
    session = client.session
    session["confirmed_at"] = 0
    session.save()
    at = SECURITY + "app/"
    assert client.get(at).url == f"/accounts/confirm/?next={at}"
    for path in ("app/remove/", "codes/", "passkeys/", "passkeys/1/remove/"):
        assert client.post(SECURITY + path).url.startswith("/accounts/confirm/"), path
    assert client.post(SECURITY + "passkeys/_options/").json() == {
        "go": f"/accounts/confirm/?next={SECURITY}&held=1"
    }
    assert client.post("/accounts/confirm/", {"password": "wrong", "next": at}).status_code == 422
    assert client.post("/accounts/confirm/", {"password": PASSWORD, "next": at}).url == at
    assert client.get(at).status_code == 200


def unproven(client) -> None:
    """As a quarter of an hour after they last said who they are."""
    session = client.session
    session["confirmed_at"] = 0
    session.save()


def test_what_was_begun_goes_on_after_the_proof(crowd):
    client, _ = try_in()
    app_set_up(client)
    unproven(client)
    asked = client.post(SECURITY + "app/remove/").url
    page = client.get(asked).content.decode()
    assert "before you turn your authenticator app off" in page
    proof = {"password": PASSWORD, "next": SECURITY, "held": "1"}
    assert client.post(asked, {**proof, "password": "wrong"}).status_code == 422
    assert Totp.objects.exists()
    answer = client.post(asked, proof, follow=True)
    assert [(url, status) for url, status in answer.redirect_chain] == [
        (SECURITY + "app/remove/", 307),
        (SECURITY, 302),
    ]
    assert not Totp.objects.exists()
    assert client.post(asked, proof).url == SECURITY  # once


def test_a_passkey_is_asked_for_by_itself_after_the_proof(crowd):
    client, _ = try_in()
    unproven(client)
    asked = client.post(SECURITY + "passkeys/_options/", {"name": "My phone"}).json()["go"]
    assert "before you add a passkey" in client.get(asked).content.decode()
    assert "data-passkey-now" not in client.get(SECURITY).content.decode()  # back without a proof
    asked = client.post(SECURITY + "passkeys/_options/", {"name": "My phone"}).json()["go"]
    page = client.post(asked, {"password": PASSWORD, "next": SECURITY, "held": "1"}, follow=True)
    assert "data-passkey-now" in page.content.decode()
    assert 'value="My phone"' in page.content.decode()
    assert "data-passkey-now" not in client.get(SECURITY).content.decode()  # once


def test_a_link_from_elsewhere_makes_nothing_go_on(crowd):
    client, _ = try_in()
    app_set_up(client)
    unproven(client)
    proof = {"password": PASSWORD, "next": SECURITY + "app/remove/", "held": "1"}
    assert client.post("/accounts/confirm/?held=1", proof).status_code == 302
    assert Totp.objects.exists()


def test_an_administrator_helps_who_lost_their_phone(crowd):
    app_set_up(try_in()[0])
    assert try_in()[1].url == "/accounts/second-factor/"
    try_in("owner")[0].post("/people/member/factors/remove/")
    assert try_in()[1].url == "/accounts/second-factor/"
    try_in("administrator")[0].post("/people/member/factors/remove/")
    assert try_in()[1].url == "/"


def test_new_recovery_codes_end_the_old_ones(crowd):
    client, _ = try_in()
    secret, old = app_set_up(client)
    page = client.post(SECURITY + "codes/").content.decode()
    assert "Keep these codes" in page
    assert old[0] not in page
    again, _ = try_in()
    assert again.post("/accounts/second-factor/", {"code": old[0]}).status_code == 422
    assert again.post("/accounts/second-factor/", {"code": later_code(secret)}).status_code == 302


def test_a_password_link_is_good_once_and_signs_in(crowd, two):
    boss, _ = try_in("administrator")
    page = boss.post("/people/member/password-link/").content.decode()
    link = page.split('<code class="secret">')[1].split("</code>")[0].removeprefix("http://testserver")
    client = Client()
    assert client.post(link, {"password": "short"}).status_code == 422
    assert client.post(link, {"password": "another-long-one"}).url == "/"
    assert is_in(client)
    assert not is_in(two[0])
    assert Client().get(link).status_code == 404
    assert try_in("owner")[0].post("/people/member/password-link/").status_code == 404
    assert Client().get("/accounts/password/eA/eA/").status_code == 404
