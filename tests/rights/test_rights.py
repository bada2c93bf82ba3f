"""docs/rights.md is what is: every URL, socket and verb is tried as every kind of person. Whatever they ask of a
page leaves exactly one entry, refused or done.

A door that the page does not name fails, with the line that the page would need: read it before you add it.
"""

import re
from dataclasses import dataclass

import pytest
from django.db import transaction
from django.urls import get_resolver

from audit.models import AuditEntry, Via
from audit.services import Actor
from clones.terminal import Terminal
from commands.dispatch import run_command
from commands.service import Caller
from commands.verbs import VERBS
from cowweb.errors import DomainError, ForbiddenError, NotFoundError
from tests.rights import doors
from tests.rights.conftest import browser, person
from tests.rights.table import KINDS, differences

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
KNOWN = KINDS[2:]  # who is signed in
LOGIN, CONFIRM = "/accounts/login/", "/accounts/confirm/"
NO_SUCH_METHOD = 405
INCOMPLETE = 422  # a form that is not filled in is shown again, and nothing was asked yet
# What changes nothing, and steps of a sign-in, of which the last leaves the entry
NOTHING_DONE = {
    "/healthz",
    "/readyz",
    "/hosts/look/",
    "/runs/parse/",
    "/accounts/login/",
    "/accounts/logout/",
    "/accounts/passkey/_options/",
    "/settings/security/passkeys/_options/",
    "/accounts/second-factor/",
    "/accounts/set-up/",
}


@pytest.fixture
def refusals(monkeypatch):
    """The kinds of what was refused since it was last cleared: some pages tell a refusal on the next page."""
    told: list[type] = []
    made = DomainError.__init__

    def noted(self, *args, **kwargs):
        told.append(type(self))
        made(self, *args, **kwargs)

    monkeypatch.setattr(DomainError, "__init__", noted)
    return told


class UndoneError(Exception):
    """Takes back what a try did."""


def undone(attempt):
    """What it answers; whatever it wrote is taken back, so that each try meets the same world."""
    answer = None
    try:
        with transaction.atomic():
            answer = attempt()
            raise UndoneError
    except UndoneError:
        return answer


def told(problems) -> None:
    if problems:
        pytest.fail("\n".join(["docs/rights.md says otherwise than it is:", *problems]), pytrace=False)


def met(answer, refused) -> str:
    if answer.status_code == 401 or (answer.status_code == 302 and LOGIN in answer.get("Location", "")):
        return "sign in"
    if answer.status_code == 403 or ForbiddenError in refused:
        return "no"
    if answer.status_code == 404 or NotFoundError in refused:
        return "-"
    assert answer.status_code < 500, answer.status_code
    return "yes"


@dataclass(frozen=True)
class Tried:
    """A page that was asked once: what its person met, and how many entries it left that it should not, or
    should have left."""

    cell: str
    wrong: str


def tried(door, client, world, refusals) -> Tried:
    method, path = door.partition(" ")[0], doors.address(door, world)
    refusals.clear()

    def asked():
        before = AuditEntry.objects.count()
        answer = client.get(path) if method == "GET" else client.post(path, doors.form(door))
        return answer, AuditEntry.objects.count() - before

    answer, entries = undone(asked)
    if answer.status_code == NO_SUCH_METHOD:
        return Tried("", "")
    cell = met(answer, [] if answer.status_code == 200 and method == "GET" else refusals)
    nothing = method == "GET" or cell == "sign in" or door.partition(" ")[2] in NOTHING_DONE
    nothing |= answer.status_code == INCOMPLETE or CONFIRM in answer.get("Location", "")
    return Tried(cell, "" if nothing or entries == 1 else f"{answer.status_code}, {entries} entries")


def test_every_url_lets_in_whom_the_page_says(world, refusals, subtests):
    found, unlike_one, clients = {}, [], {kind: browser(world, kind) for kind in KINDS}
    for door in doors.url_doors():
        if "logout" in door:  # it ends the session, which no undoing brings back to the browser
            continue
        # Who may do the most goes first: a method that a page does not have, nobody has.
        most = tried(door, clients["administrator"], world, refusals)
        if not most.cell:
            continue
        others = {
            kind: tried(door, clients[kind], world, refusals) for kind in KINDS if kind != "administrator"
        }
        row = {**others, "administrator": most}
        unlike_one += [f"{door}, {kind}: {row[kind].wrong}" for kind in KNOWN if row[kind].wrong]
        if any(one.cell != "sign in" for one in row.values()):
            found[door] = {kind: one.cell for kind, one in row.items()}
    with subtests.test("each leaves one entry"):
        assert unlike_one == []
    problems = differences({d: r for d, r in found.items() if d.startswith("GET")}, "GET ")
    problems += differences({d: r for d, r in found.items() if d.startswith("POST")}, "POST ")
    told(problems)


def test_every_socket_lets_in_whom_the_page_says(world):
    found = {}
    for door, consumer in doors.socket_doors().items():
        found[door] = {kind: watched(consumer, door, kind, world) for kind in KINDS}
    problems = differences(found, "socket ")
    told(problems)


def watched(consumer, door, kind, world) -> str:
    part = consumer()
    part.scope = {
        "user": person(world, kind),
        "query_string": b"",
        "url_route": {"kwargs": doors.arguments(door, world)},
    }
    part.user = part.scope["user"]
    try:
        if isinstance(part, Terminal):
            part.name = "web"
            return "yes" if part.may_still() else "no"
        return "yes" if part.may_watch() else "no"
    except DomainError:
        return "no"


def test_every_verb_obeys_whom_the_page_says(world, site):
    (site.COWWEB_IMPORT_FOLDERS[0] / "deploy.sh").write_text("# kvm-infra-use: demo\necho\n")
    found = {}
    for verb in VERBS:
        cells = {kind: obeyed(verb, kind, world) for kind in KNOWN}
        found[f"cow {verb}"] = {**dict.fromkeys(("nobody", "disabled"), "sign in"), **cells}
    problems = differences(found, "cow ")
    told(problems)


def obeyed(verb, kind, world) -> str:
    caller = Caller(actor=Actor(user=person(world, kind), via=Via.API), waits=False)
    result = undone(lambda: run_command(doors.line(verb, world), caller))
    assert result.get("code") not in ("unknown_verb", "unknown_key"), result
    return {"forbidden": "no", "not_found": "-"}.get(result.get("code", ""), "yes")


def test_no_command_is_taken_without_signing_in(world):
    for kind in ("nobody", "disabled"):
        for path in ("/api/command/", "/commands/run/"):
            answer = browser(world, kind).post(path, {"command": "list_bases"})
            assert met(answer, []) == "sign in", (kind, path)


def test_the_admin_is_for_its_staff(world):
    ways = [path for path in doors.paths(get_resolver()) if path.startswith("admin/")]
    ways = [path for path in ways if not re.search("log(in|out)", path) and "(" not in path]
    open_to = []
    for kind in KINDS:
        client = browser(world, kind)
        for path in ways if kind not in ("curator", "administrator") else ():
            answer = client.get("/" + doors.PLACEHOLDER.sub("1", path))
            led = answer.status_code == 302 and "login" in answer["Location"]
            if not led and answer.status_code not in (403, 404):
                open_to.append((kind, path, answer.status_code))
    assert ways and open_to == []


def test_what_one_may_not_see_looks_the_same_as_what_is_not_there(world):
    """The two answers differ in nothing but the name that was asked for."""
    client = browser(world, "other")
    for there, nowhere in (
        ("clones/web", "clones/nix"),
        ("teams/red", "teams/nix"),
        ("runs/4242", "runs/4243"),
    ):
        pair = [(path, client.get(f"/{path}/")) for path in (there, nowhere)]
        assert [answer.status_code for _, answer in pair] == [404, 404]
        one, another = (without(path.split("/")[1], answer.content.decode()) for path, answer in pair)
        assert one == another


def without(name: str, text: str) -> str:
    """Without the name, and what differs from one answer to the next whatever was asked."""
    text = re.sub(
        r'(nonce|csrf|request)[^\s<>]*[=:"\s]+[\w-]+|[0-9a-f]{12,}|\w{32,}|(value|content)="[^"]*"', "", text
    )
    return re.sub(rf"\b{name}\b", "…", text)
