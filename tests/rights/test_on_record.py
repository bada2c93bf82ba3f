"""Who tries on what they may not is on record, counted, and without what a link carries."""

import pytest

from audit.models import AuditEntry
from tests.rights.conftest import browser

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


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
