"""What decides who gets in leaves exactly one entry each, from the pages and from the host's shell."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import AuditEntry
from people.invitations import Guest, invitation_make
from people.models import Person, Visit
from people.shell import account
from tests.audit.test_every_door import entries_of
from tests.people.conftest import actor_for
from tests.people.test_sign_in import PASSWORD, app_set_up, later_code, try_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
NEW = "another-long-one"
SECURITY = "/settings/security/"


def said(entries):
    return [(entry.action, entry.target, entry.outcome.result) for entry in entries]


@pytest.fixture
def typed(monkeypatch):
    """What is typed at the prompts for a password, in turn."""
    words: list[str] = []
    monkeypatch.setattr("getpass.getpass", lambda prompt: words.pop(0))
    return words


def told(command, *words, **options) -> str:
    out = StringIO()
    call_command(command, *words, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_a_password_given_in_the_shell_is_on_record_and_ends_sessions(crowd, typed):
    browser, _ = try_in()
    typed += [NEW, NEW]
    (entry,) = entries_of(lambda: told("changepassword", "member"))
    assert said([entry]) == [("change_password", "user:member", "done")]
    assert (entry.actor_name, entry.via, entry.agent) == (
        "administrator",
        "shell",
        "manage.py changepassword",
    )
    assert entry.on_behalf_of == account()
    assert NEW not in json.dumps([entry.params, entry.outcome.changes])
    assert not Visit.objects.filter(user__username="member").exists()
    assert browser.get("/settings/").status_code == 302
    assert try_in(password=NEW)[1].status_code == 302


def test_without_an_administrator_the_site_itself_gives_it(crowd, typed):
    User.objects.filter(is_superuser=True).update(is_active=False)
    typed += [NEW, NEW]
    (entry,) = entries_of(lambda: told("changepassword", "administrator"))
    assert (entry.actor_name, entry.on_behalf_of, entry.outcome.result) == ("cowweb", account(), "done")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([NEW, "else", NEW, "else", NEW, "else"], "The two passwords differ"),
        (["short", "short"] * 3, "too short"),
        ([""], "aborted"),
    ],
)
def test_a_bad_password_changes_nothing(crowd, typed, words, why):
    typed += words
    with pytest.raises(CommandError, match=why):
        told("changepassword", "member")
    assert try_in()[1].status_code == 302


def test_a_program_gets_no_password(crowd, typed):
    Person.objects.create(user=crowd.member, is_service=True)
    typed += [NEW, NEW]

    def refused():
        with pytest.raises(CommandError, match="signs in with no password"):
            told("changepassword", "member")

    assert said(entries_of(refused)) == [("change_password", "user:member", "refused")]


def test_nobody_by_that_name(crowd):
    with pytest.raises(CommandError, match="User nobody-here not found"):
        told("changepassword", "nobody-here")


def test_an_administrator_made_in_the_shell_is_on_record(crowd, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
    made = {"username": "boss-2", "email": "b@example.org", "interactive": False}
    (entry,) = entries_of(lambda: told("createsuperuser", **made))
    assert said([entry]) == [("make_administrator", "user:boss-2", "done")]
    assert (entry.via, entry.on_behalf_of) == ("shell", account())
    assert try_in("boss-2", password=NEW)[1].status_code == 302
    assert User.objects.get(username="boss-2").is_superuser

    def refused():
        with pytest.raises(CommandError, match="There is a user boss-2 already"):
            told("createsuperuser", **made)

    assert said(entries_of(refused)) == [("make_administrator", "user:boss-2", "refused")]


def test_the_first_administrator_is_on_record(db, typed, monkeypatch):
    answers = iter(["first", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    typed += [NEW, NEW]
    (entry,) = entries_of(lambda: told("createsuperuser"))
    assert (entry.actor_name, entry.action, entry.outcome.result) == ("cowweb", "make_administrator", "done")
    assert User.objects.get(username="first").is_superuser


def test_without_a_password_an_administrator_cannot_sign_in_yet(crowd):
    told("createsuperuser", username="boss-2", interactive=False)
    assert not User.objects.get(username="boss-2").has_usable_password()


def test_a_refused_newcomer_is_on_record(crowd):
    _, secret = invitation_make(Guest(team=crowd.team), actor=actor_for(crowd.owner))

    def tried(name, password):
        Client().post(f"/join/{secret}/", {"name": name, "password": password})

    def told_of(entries):
        return [entry.outcome.result for entry in entries if entry.action == "accept_invitation"]

    assert told_of(entries_of(lambda: tried("mia", "short"))) == ["refused"]
    assert told_of(entries_of(lambda: tried("member", NEW))) == ["refused"]
    assert told_of(entries_of(lambda: tried("mia", NEW))) == ["done"]


def test_what_people_do_with_their_own_way_in(crowd):
    client, _ = try_in()
    try_in(REMOTE_ADDR="192.0.2.7")
    at = "user:member"
    did = {
        "add_second_factor": lambda: keys.append(app_set_up(client)),
        "renew_recovery_codes": lambda: client.post(SECURITY + "codes/"),
        "confirm_identity": lambda: client.post("/accounts/confirm/", {"code": later_code(keys[0][0])}),
        "remove_second_factor": lambda: client.post(SECURITY + "app/remove/"),
        "end_sessions": lambda: client.post(SECURITY + "sessions/end/"),
        "edit_settings": lambda: client.post("/settings/", {"full_name": "Mia", "email": "m@example.org"}),
        "change_password": lambda: client.post(
            SECURITY + "password/", {"current": PASSWORD, "password": NEW}
        ),
        "sign_out": lambda: client.post("/accounts/logout/"),
    }
    keys: list[tuple[str, list[str]]] = []
    for action, work in did.items():
        assert said(entries_of(work)) == [(action, at, "done")], action
    kept = json.dumps(list(AuditEntry.objects.values_list("params", flat=True)))
    assert keys[0][0] not in kept
    assert keys[0][1][0] not in kept


def test_what_administrators_do_to_someones_way_in(crowd):
    boss, _ = try_in("administrator")
    did = {
        "make_password_link": "/people/member/password-link/",
        "remove_second_factors": "/people/member/factors/remove/",
        "end_sessions": "/people/member/sessions/end/",
        "disable_user": "/people/member/active/",
    }
    for action, path in did.items():
        assert said(entries_of(lambda path=path: boss.post(path))) == [(action, "user:member", "done")]
