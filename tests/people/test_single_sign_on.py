"""Single sign-on against a real provider on loopback: whom it lets in, whom not, and how it is connected."""

import http.client
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from joserfc.jwk import RSAKey

from audit.models import AuditEntry
from people.invitations import Guest, invitation_make
from people.models import Identity, Invitation, Membership, SitePolicy
from people.single_sign_on import provider as known_provider
from tests.people.conftest import actor_for
from tests.people.test_sign_in import try_in
from tests.support.https import https_server
from tests.support.oidc import CLIENT, CLIENT_SECRET, provider
from tests.support.site import free_port

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
    made = AuditEntry.objects.get(action="make_account")
    assert (made.actor_name, made.target, made.outcome.result) == ("nia", "user:nia", "done")
    assert made.params == {"issuer": idp.address, "subject": "42"}


def test_names_that_are_kept_out_of_the_token_are_asked_for(crowd, idp, settings):
    settings.COWWEB_OIDC_CREATE = True
    idp.names = {"sub": "42", "preferred_username": idp.says.pop("preferred_username"), "name": "Nia Nowak"}
    assert come_in()[1].url == "/clones/"
    assert User.objects.get(username="nia").first_name == "Nia N.", "what the token says stands"


def test_somebody_elses_names_let_nobody_in(crowd, idp, settings):
    settings.COWWEB_OIDC_CREATE = True
    idp.says.pop("preferred_username")
    idp.names = {"sub": "43", "preferred_username": "nia"}
    client, _ = come_in()
    assert "names somebody else" in told(client)
    assert not User.objects.filter(username="nia").exists()


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


def test_what_is_wrong_with_the_provider_is_told_before_anyone_goes_there(crowd, idp, settings):
    settings.COWWEB_OIDC_ISSUER = f"{idp.address}/"
    client = Client()
    assert client.get("/accounts/sso/").url == "/accounts/login/"
    assert f"it calls itself {idp.address}, and COWWEB_OIDC_ISSUER is {idp.address}/" in told(client)
    settings.COWWEB_OIDC_ISSUER = f"http://127.0.0.1:{free_port()}"
    client.get("/accounts/sso/")
    assert f"{settings.COWWEB_OIDC_ISSUER} does not answer" in told(client)


def test_a_provider_whose_authority_is_unknown_is_not_asked(crowd, idp, settings):
    with https_server({}) as server:
        settings.COWWEB_OIDC_ISSUER = f"https://localhost:{server.port}"
        client = Client()
        client.get("/accounts/sso/")
        assert "its certificate is not accepted, self-signed certificate" in told(client)
        settings.COWWEB_OIDC_CA_FILE = str(server.certificate)
        client.get("/accounts/sso/")
        assert "its certificate is not accepted, Hostname mismatch" in told(client)


@pytest.fixture
def invited(crowd):
    """A page that an invitation into the team leads to."""
    secret = invitation_make(Guest(team=crowd.team, role="member"), actor=actor_for(crowd.owner))[1]
    return f"/join/{secret}/"


def join_by_provider(invited, client=None):
    client = client or Client()
    away = client.post(f"{invited}sso/")
    assert away.status_code == 302
    return client, client.get(visited(away.url))


def test_an_invitation_is_accepted_by_single_sign_on(crowd, idp, invited):
    assert "Join with Corporate login" in Client().get(invited).content.decode()
    client, answer = join_by_provider(invited)
    assert answer.url == "/"
    assert client.get("/teams/red/").status_code == 200
    nia = User.objects.get(username="nia")
    assert (nia.has_usable_password(), nia.identities.get().subject) == (False, "42")
    assert Membership.objects.get(user=nia).role == "member"
    accepted = AuditEntry.objects.get(action="accept_invitation")
    assert (accepted.actor_name, accepted.outcome.result) == ("nia", "done")
    assert come_in()[1].url == "/clones/", "and the next time by it alone"
    assert Client().get(invited).status_code == 404, "it is good once"


def test_who_has_an_account_joins_with_it_once_they_say_so(crowd, idp, invited):
    Identity.objects.create(user=crowd.other, issuer=idp.address, subject="42")
    client, answer = join_by_provider(invited)
    assert answer.url == "/join/_waiting/"
    assert not crowd.team.memberships.filter(user=crowd.other).exists()
    assert "Join as other" in client.get(answer.url).content.decode()
    assert client.post(answer.url).url == "/teams/red/"
    assert crowd.team.memberships.filter(user=crowd.other).exists()
    assert client.post(answer.url).status_code == 404


def test_an_invitation_makes_no_account_of_a_name_that_is_taken(crowd, idp, invited):
    idp.says["preferred_username"] = "administrator"
    client, answer = join_by_provider(invited)
    assert answer.url == "/accounts/login/"
    assert "There is a user administrator here already" in told(client)
    assert (Identity.objects.count(), Client().get(invited).status_code) == (0, 200)


def test_an_invitation_that_was_withdrawn_meanwhile_makes_no_account(crowd, idp, invited):
    client = Client()
    away = client.post(f"{invited}sso/")
    Invitation.objects.update(withdrawn_at=timezone.now())
    assert client.get(visited(away.url)).url == "/accounts/login/"
    assert not User.objects.filter(username="nia").exists()
    assert client.post(f"{invited}sso/").status_code == 404


def test_without_an_invitation_the_provider_still_makes_none(crowd, idp, invited):
    """The one that was begun with it is forgotten when the sign-in is begun anew."""
    client = Client()
    client.post(f"{invited}sso/")
    assert come_in(client)[1].url == "/accounts/login/"
    assert not User.objects.filter(username="nia").exists()
