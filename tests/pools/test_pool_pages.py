"""The page of a base's templates and pool: who may change what, and what is said where."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from pools.models import Pool, Spare, Template
from tests.pools.conftest import clone_row, template_row

PAGE = "/bases/demo/?tab=pool"
WISH = {
    "pool-minimum": "0",
    "pool-maximum": "9",
    "pool-refill_per_minute": "30",
    "pool-age_minutes": "90",
    "pool-instant": "on",
}


@pytest.fixture
def curator(client, admin):
    client.force_login(admin)
    return client


def test_a_curator_sets_the_pool_and_it_is_recorded(curator, base):
    assert curator.post("/bases/demo/pool/", WISH).status_code == 302
    pool = Pool.objects.get()
    assert (pool.maximum, pool.refill_per_minute, pool.age_limit_s, pool.instant) == (9, 30, 5400, True)
    entry = AuditEntry.objects.get(action="set_pool")
    assert entry.params == {"maximum": 9, "refill_per_minute": 30, "age_limit_s": 5400}


def test_a_minimum_above_the_maximum_is_said_at_its_field_and_keeps_what_was_typed(curator, base):
    response = curator.post("/bases/demo/pool/", WISH | {"pool-minimum": "10"})
    assert response.status_code == 422
    assert "No more than the most it may hold" in response.text and 'value="10"' in response.text
    assert not Pool.objects.exists()


@pytest.mark.parametrize("memory", ["much", "900000G"])
def test_a_template_of_a_machine_that_cannot_be_is_refused_at_its_field(curator, base, memory):
    response = curator.post("/bases/demo/templates/", {"memory": memory, "cpus": "1"})
    assert response.status_code in (409, 422)
    assert 'class="errorlist"' in response.text
    assert not Template.objects.exists()


def test_retiring_frees_the_memory_and_is_recorded(curator, template):
    template.memory.parent.mkdir(parents=True)
    template.memory.write_bytes(b"ram")
    curator.post(f"/bases/demo/templates/{template.pk}/retire/")
    template.refresh_from_db()
    assert (template.status, template.memory.exists()) == ("stale", False)
    assert AuditEntry.objects.get(action="retire_template").outcome.result == "done"


def test_spares_of_a_retired_template_are_given_up_and_clones_keep_theirs(curator, template):
    waiting = Spare.objects.create(template=template, status="ready")
    taken = Spare.objects.create(template=template, status="taken")
    curator.post(f"/bases/demo/templates/{template.pk}/retire/")
    waiting.refresh_from_db()
    taken.refresh_from_db()
    assert (waiting.status, taken.status) == ("discarded", "taken")


def test_a_template_is_only_retired_through_its_own_base(curator, template):
    assert curator.post(f"/bases/other/templates/{template.pk}/retire/").status_code == 404


@pytest.mark.parametrize("path", ["pool/", "templates/", "templates/{pk}/retire/"])
def test_who_is_no_curator_changes_nothing_and_the_attempt_is_recorded(client, member, template, path):
    client.force_login(member)
    data = WISH | {"memory": "128M", "cpus": "1"}
    assert client.post(f"/bases/demo/{path.format(pk=template.pk)}", data).status_code == 403
    assert AuditEntry.objects.get(actor=member).outcome.result == "refused"
    assert Template.objects.get().status == "ready" and not Pool.objects.exists()


def test_who_is_no_curator_sees_the_pool_without_its_forms(client, member, template):
    client.force_login(member)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert "Warm spares" in page.text and "Set the pool" not in page.text and "Retire" not in page.text


def test_looking_writes_nothing(curator, base):
    curator.get(PAGE)
    assert not Pool.objects.exists()


def test_why_a_template_failed_and_why_no_spare_comes_are_on_the_page(curator, base, template):
    template_row(base, memory_mb=64, status="failed", failure="the guest did not answer")
    Pool.objects.create(base=base, minimum=1)
    Spare.objects.create(template=template, status="discarded", failure="no memory left")
    text = curator.get(PAGE).text
    assert "the guest did not answer" in text and "Build again" in text
    assert "no memory left" in text


def test_more_templates_and_clones_cost_no_more_queries(curator, base, template, admin):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert curator.get(PAGE).status_code == 200
        return len(seen)

    queries()
    before = queries()
    for number in range(6):
        more = template_row(base, memory_mb=256 + number)
        Spare.objects.create(template=more, status="ready")
        clone_row(base, admin, f"c{number}", template=more)
    assert queries() == before


def test_the_administration_shows_a_template_in_units_and_days_as_the_site_writes_them(curator, template):
    template.built_at = datetime(2026, 11, 27, 3, 22, 5, tzinfo=UTC)
    template.save()
    for page in ("", f"{template.pk}/change/"):
        text = curator.get(f"/admin/pools/template/{page}").text
        assert "128 MiB" in text and "2026-11-27 03:22:05" in text
    assert "64 MiB" in text and str(2**26) not in text
