"""The door: who gets in, what the second step asks, what is on record, and how tries run out."""

import re
import time

import pyotp
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from people.models import Attempt, RecoveryCode, SitePolicy, Totp, Visit
from people.second_factor import PERIOD_S
from people.throttle import WINDOW

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
LOGIN, SECOND = "/accounts/login/", "/accounts/second-factor/"
PASSWORD = "a-long-password"
SECRET = re.compile(r'<code class="secret">([A-Z2-7]{32})</code>')
CODES = re.compile(r"<li><code>([a-z0-9]{5}-[a-z0-9]{5})</code></li>")


def try_in(name="member", password=PASSWORD, client=None, **more):
    client = client or Client()
    return client, client.post(
        LOGIN, {"username": name, "password": password, **more.pop("form", {})}, **more
    )


def record():
    return [(e.actor_name, e.action, e.target, e.outcome.result) for e in AuditEntry.objects.order_by("pk")]


def app_set_up(client, at="/settings/security/app/"):
    """What an authenticator app knows then, and the recovery codes."""
    secret = SECRET.search(client.get(at).content.decode())[1]
    answer = client.post(at, {"code": pyotp.TOTP(secret).now()})
    assert answer.status_code == 200, answer.content.decode()
    return secret, CODES.findall(answer.content.decode())


def later_code(secret):
    """A code that has not been used: the next one, which is taken already."""
    return pyotp.TOTP(secret).at(int(time.time()) + PERIOD_S)


def test_a_password_lets_in_and_leads_where_one_wanted(crowd):
    client, answer = try_in(form={"next": "/clones/?q=web"})
    assert (answer.status_code, answer.url) == (302, "/clones/?q=web")
    assert client.get("/settings/").status_code == 200
    assert record() == [("member", "sign_in", "user:member", "done")]
    assert AuditEntry.objects.get().params == {"method": "password"}


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "javascript:x"])
def test_nobody_is_led_elsewhere(crowd, target):
    assert try_in(form={"next": target})[1].url == "/"


@pytest.mark.parametrize(
    ("name", "target"),
    [("member", "user:member"), ("my-secret-typed-here", "user:?"), ("disabled", "user:disabled")],
)
def test_who_is_refused_is_told_the_same_and_leaves_an_entry(crowd, name, target):
    client, answer = try_in(name, "wrong" if name == "member" else PASSWORD)
    assert (answer.status_code, "User name or password is wrong" in answer.content.decode()) == (422, True)
    assert record() == [("(nobody)", "sign_in", target, "refused")]
    assert "my-secret-typed-here" not in repr(
        [*AuditEntry.objects.values_list(), *Attempt.objects.values_list()]
    )
    assert client.get("/settings/").status_code == 302


def test_signing_out_ends_the_session_and_is_on_record(crowd):
    client, _ = try_in()
    client.post("/accounts/logout/")
    assert client.get("/settings/").status_code == 302
    assert record()[-1] == ("member", "sign_out", "user:member", "done")
    assert not Visit.objects.exists()
    assert client.get("/accounts/logout/").status_code == 405


def test_tries_for_one_account_run_out_and_come_back(crowd, settings):
    settings.COWWEB_SIGN_IN_TRIES = 3
    for _ in range(3):
        assert try_in(password="wrong")[1].status_code == 422
    _, answer = try_in()  # the right one, too late
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= WINDOW.total_seconds() + 1
    assert re.search(
        r"Too many failed tries. Try again at \d\d:\d\d:\d\d UTC, in \d+ min", answer.content.decode()
    )
    assert AuditEntry.objects.order_by("-pk")[0].outcome.reason.startswith("Too many failed tries")
    assert try_in("owner")[1].status_code == 302, "another account is not held up"
    Attempt.objects.update(at=timezone.now() - WINDOW)
    assert try_in()[1].status_code == 302


def test_tries_that_go_on_after_they_ran_out_are_counted_up(crowd, settings):
    settings.COWWEB_SIGN_IN_TRIES = 2
    assert [try_in(password="wrong")[1].status_code for _ in range(14)] == [422] * 2 + [429] * 12
    tries = [entry.params.get("tries") for entry in AuditEntry.objects.order_by("pk")]
    assert tries == [None, None, 1, 10]


def test_tries_from_one_address_run_out_whatever_the_account(crowd, settings):
    settings.COWWEB_SIGN_IN_TRIES_ADDRESS = 3
    for number in range(3):
        try_in(f"someone-{number}", "wrong")
    assert try_in()[1].status_code == 429
    assert try_in(REMOTE_ADDR="192.0.2.7")[1].status_code == 302


def test_strangers_do_not_lock_out_who_is_where_they_usually_are(crowd, settings):
    settings.COWWEB_SIGN_IN_TRIES = 2
    try_in(REMOTE_ADDR="192.0.2.7")
    for _ in range(4):
        try_in(password="wrong", REMOTE_ADDR="198.51.100.9")
    assert try_in(REMOTE_ADDR="198.51.100.9")[1].status_code == 429
    assert try_in(REMOTE_ADDR="192.0.2.7")[1].status_code == 302


def test_right_passwords_use_up_no_tries(crowd, settings):
    settings.COWWEB_SIGN_IN_TRIES = settings.COWWEB_SIGN_IN_TRIES_ADDRESS = 3
    assert [try_in()[1].status_code for _ in range(5)] == [302] * 5
    assert not Attempt.objects.exists()


def test_the_session_gets_a_new_key_when_someone_signs_in(crowd):
    client = Client()
    client.get(LOGIN)
    session = client.session
    session["before"] = True
    session.save()
    before = session.session_key
    try_in(client=client)
    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_an_authenticator_app_asks_for_a_code_that_is_good_once(crowd):
    client, _ = try_in()
    secret, codes = app_set_up(client)
    assert len(codes) == 10
    assert codes[0] not in repr([*RecoveryCode.objects.values_list(), *AuditEntry.objects.values_list()])
    assert secret.encode() not in bytes(Totp.objects.get().sealed)
    client, answer = try_in()
    assert answer.url == SECOND
    assert client.get("/settings/").status_code == 302, "not in yet"
    assert client.post(SECOND, {"code": "000000"}).status_code == 422
    code = later_code(secret)
    assert client.post(SECOND, {"code": code[:3] + " " + code[3:]}).url == "/"
    assert client.get("/settings/").status_code == 200
    assert AuditEntry.objects.order_by("-pk")[0].params == {"method": "password, authenticator"}
    again, _ = try_in()
    assert again.post(SECOND, {"code": code}).status_code == 422, "a code is good once"
    assert again.post(SECOND, {"code": codes[3].upper()}).url == "/"
    third, _ = try_in()
    assert third.post(SECOND, {"code": codes[3]}).status_code == 422, "a recovery code is good once"


def test_guessed_codes_run_out(crowd):
    secret, _ = app_set_up(try_in()[0])
    client, _ = try_in()
    for number in range(10):
        assert client.post(SECOND, {"code": f"{number:06}"}).status_code == 422
    assert client.post(SECOND, {"code": later_code(secret)}).status_code == 429


def test_the_second_step_needs_the_first(crowd):
    answer = Client().post(SECOND, {"code": "123456"}, follow=True)
    assert "begin again" in answer.content.decode()


def test_who_must_have_a_second_factor_sets_it_up_on_the_way_in(crowd):
    SitePolicy.objects.create(second_factor="staff")
    client, answer = try_in("curator")
    assert answer.url == "/accounts/set-up/"
    assert client.get("/bases/").status_code == 302
    app_set_up(client, at="/accounts/set-up/")
    assert client.get("/bases/").status_code == 200
    assert try_in("member")[1].url == "/", "members are not asked"


def test_a_policy_signs_out_who_does_not_meet_it(crowd):
    boss, _ = try_in("administrator")
    curator, _ = try_in("curator")
    member, _ = try_in()
    refused = boss.post("/people/_policy/", {"second_factor": "staff"}, follow=True)
    assert "You have no second factor yourself" in refused.content.decode()
    assert not SitePolicy.objects.exists()
    app_set_up(boss)
    boss.post("/people/_policy/", {"second_factor": "staff"})
    assert [c.get("/people/").status_code for c in (boss, curator, member)] == [200, 302, 200]
    answer = boss.post("/settings/security/app/remove/", follow=True)
    assert "add another one first" in answer.content.decode()
    boss.post("/people/member/role/", {"role": "curator"})
    assert member.get("/people/").status_code == 302, "a new curator meets the policy too"


def test_only_administrators_set_the_policy(crowd):
    client, _ = try_in("curator")
    client.post("/people/_policy/", {"second_factor": "optional"})
    assert ("curator", "set_policy", "site", "refused") in record()


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/clones/clone/"])
def test_the_admin_has_the_same_door(crowd, path):
    answer = Client().get(path, follow=True)
    assert answer.redirect_chain[-1][0].startswith(LOGIN)
    assert "With a passkey" in answer.content.decode()
    client, _ = try_in()
    assert client.get(path, follow=True).status_code == 403
    assert (
        Client().post("/admin/login/", {"username": "administrator", "password": PASSWORD}).status_code == 302
    )
    assert not Visit.objects.exclude(user=crowd.member).exists()


def test_a_program_has_no_password_to_sign_in_with(crowd):
    User.objects.create_user("ci")
    assert try_in("ci", "")[1].status_code == 422
    assert try_in("ci", "!")[1].status_code == 422
