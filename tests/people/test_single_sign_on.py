"""Single sign-on against a real provider on loopback: whom it lets in, whom not, and how it is connected."""

import http.client
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from joserfc.jwk import RSAKey

from audit.models import AuditEntry
from people.models import Identity, SitePolicy
from people.single_sign_on import provider as known_provider
from tests.people.test_sign_in import try_in
from tests.support.oidc import CLIENT, CLIENT_SECRET, provider

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture
def idp(settings, monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # loopback has no TLS
    with provider(sub="42", preferred_username="nia", name="Nia N.") as made:
        settings.COWWEB_OIDC_ISSUER = made.address
        settings.COWWEB_OIDC_CLIENT_ID, settings.COWWEB_OIDC_CLIENT_SECRET = CLIENT, CLIENT_SECRET
        settings.COWWEB_OIDC_NAME = "Corporate login"
        yield made
    known_provider.cache_clear()


def visited(url) -> str:
    """What a browser does at the provider: asks, and is sent back."""
    parts = urlsplit(url)
    ask = http.client.HTTPConnection(parts.netloc, timeout=10)
    ask.request("GET", f"{parts.path}?{parts.query}")
    back = ask.getresponse().headers["Location"]
    ask.close()
    return back.removeprefix("http://testserver")


def come_in(client=None, target="/clones/"):
    client = client or Client()
    away = client.get(f"/accounts/sso/?next={target}")
    assert away.status_code == 302
    return client, client.get(visited(away.url))


def told(client) -> str:
    return client.get("/accounts/login/").content.decode()


def test_without_settings_there_is_none(crowd):
    assert "Corporate login" not in told(Client())
    client = Client()
    assert client.get("/accounts/sso/", follow=True).redirect_chain[-1][0] == "/accounts/login/"


def test_who_is_connected_comes_in_and_lands_where_they_wanted(crowd, idp):
    Identity.objects.create(user=crowd.member, issuer=idp.address, subject="42")
    assert "With Corporate login" in told(Client())
    client, answer = come_in()
    assert answer.url == "/clones/"
    assert "member" in client.get("/settings/").content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.params, entry.outcome.result) == (
        "member",
        {"method": "single sign-on"},
        "done",
    )


def test_a_stranger_stays_out_and_no_account_is_made(crowd, idp):
    before = User.objects.count()
    client, answer = come_in()
    assert answer.url == "/accounts/login/"
    assert "No account here is connected" in told(client)
    assert User.objects.count() == before


def test_a_site_that_makes_accounts_makes_a_plain_member(crowd, idp, settings):
    settings.COWWEB_OIDC_CREATE = True
    _, answer = come_in()
    assert answer.url == "/clones/"
    nia = User.objects.get(username="nia")
    assert (nia.first_name, nia.is_staff, nia.is_superuser, nia.has_usable_password()) == (
        "Nia N.",
        False,
        False,
        False,
    )
    come_in()
    assert User.objects.filter(username__startswith="nia").count() == 1


def test_a_name_that_is_taken_is_not_taken_over(crowd, idp, settings):
    settings.COWWEB_OIDC_CREATE = True
    idp.says["preferred_username"] = "administrator"
    client, _ = come_in()
    assert "There is a user administrator here already" in told(client)
    assert not Identity.objects.exists()


@pytest.mark.parametrize(
    "says",
    [
        {"aud": "someone-else"},
        {"iss": "https://elsewhere.example"},
        {"nonce": "other"},
        {"exp": 1},
        {"sub": ""},
    ],
)
def test_a_token_that_is_not_for_us_now_lets_nobody_in(crowd, idp, says):
    Identity.objects.create(user=crowd.member, issuer=idp.address, subject="42")
    idp.says.update(says)
    client, answer = come_in()
    assert answer.url == "/accounts/login/"
    assert "did not let you in" in told(client)
    assert AuditEntry.objects.get().outcome.result == "refused"


def test_a_token_with_a_strangers_signature_lets_nobody_in(crowd, idp):
    Identity.objects.create(user=crowd.member, issuer=idp.address, subject="42")
    idp.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert come_in()[1].url == "/accounts/login/"


def test_the_answer_meant_for_another_browser_is_refused(crowd, idp):
    Identity.objects.create(user=crowd.member, issuer=idp.address, subject="42")
    back = visited(Client().get("/accounts/sso/").url)
    client = Client()
    assert client.get(back).url == "/accounts/login/"
    assert client.get("/settings/").status_code == 302


def test_disabled_people_stay_out(crowd, idp):
    Identity.objects.create(user=crowd.disabled, issuer=idp.address, subject="42")
    assert "This account is disabled" in told(come_in()[0])


@pytest.mark.parametrize(("amr", "url"), [(["pwd"], "/accounts/set-up/"), (["pwd", "mfa"], "/clones/")])
def test_a_required_second_factor_may_be_the_providers(crowd, idp, amr, url):
    SitePolicy.objects.create(second_factor="everyone")
    Identity.objects.create(user=crowd.member, issuer=idp.address, subject="42")
    idp.says["amr"] = amr
    assert come_in()[1].url == url


def test_one_connects_it_from_the_settings_and_disconnects_it(crowd, idp):
    client, _ = try_in()
    assert "To Corporate login" in client.post("/settings/security/sso/").content.decode()
    assert come_in(client)[1].url == "/settings/security/"
    identity = Identity.objects.get()
    assert (identity.user, identity.subject) == (crowd.member, "42")
    assert come_in()[1].url == "/clones/"
    client.post(f"/settings/security/sso/{identity.pk}/remove/")
    assert not Identity.objects.exists()


def test_a_link_from_elsewhere_connects_nothing(crowd, idp):
    client, _ = try_in()
    come_in(client)
    assert not Identity.objects.exists()
