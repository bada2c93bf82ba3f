"""Whatever somebody asks of a page leaves exactly one entry, refused or done; and which pages are none."""

import pytest

from audit.models import AuditEntry
from tests.rights import doors
from tests.rights.conftest import browser
from tests.rights.test_rights import NO_SUCH_METHOD, undone

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
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
INCOMPLETE = 422  # a form that is not filled in is shown again, and nothing was asked yet
CONFIRM = "/accounts/confirm/"


@pytest.mark.parametrize("kind", ["other", "viewer", "administrator"])
def test_each_page_that_is_sent_something_leaves_one_entry(world, kind):
    client, wrong = browser(world, kind), []
    for door in doors.url_doors():
        method, _, path = door.partition(" ")
        if method == "GET" or path in NOTHING_DONE:
            continue
        status, entries, led = undone(lambda door=door: sent(client, door, world))
        if status not in (NO_SUCH_METHOD, INCOMPLETE) and entries != 1 and CONFIRM not in led:
            wrong.append(f"{door}: {status}, {entries} entries")
    assert wrong == []


def sent(client, door, world):
    before = AuditEntry.objects.count()
    answer = client.post(doors.address(door, world), doors.form(door))
    return answer.status_code, AuditEntry.objects.count() - before, answer.get("Location", "")


def test_who_tries_on_is_counted_and_what_a_link_carries_is_not_kept(world):
    client = browser(world, "other")
    for _ in range(12):
        assert client.post("/clones/web/stop/").status_code == 404
    client.post("/join/a-canary-secret/")
    entries = AuditEntry.objects.filter(action="denied").order_by("pk")
    assert [(one.target, one.params["tries"], one.actor_name) for one in entries] == [
        ("/clones/web/stop/", 1, "other"),
        ("/clones/web/stop/", 10, "other"),
        ("/join/…/", 1, "other"),
    ]
    assert {one.outcome.result for one in entries} == {"refused"}
    assert client.get("/clones/web/").status_code == 404
    assert AuditEntry.objects.filter(action="denied").count() == len(entries)
