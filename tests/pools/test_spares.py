"""Pools are kept as their curators wish: how many, how quickly, how old, and from which template."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bases.models import BaseRevision
from hosts.models import Finding, Job
from pools.demand import WINDOW, asked_lately, asked_once, wanted_spares
from pools.models import Pool, Spare, Template
from pools.refill import NOT_NEEDED, OTHER_TEMPLATE, TOO_OLD, pools_refilled
from pools.services import fingerprint_of, template_retired
from pools.spares import FILL, spare_discarded, spare_taken, spares_reconciled
from tests.pools.conftest import template_row


@pytest.fixture
def fitting(base, template) -> Template:
    """The template of the base's usual machine, as the QEMU of today would make it."""
    template.fingerprint = fingerprint_of(base.current, memory_mb=128, cpus=1)
    template.save()
    return template


def spare_row(template, status="ready", *, age_s=0, **fields) -> Spare:
    at = timezone.now() - timedelta(seconds=age_s)
    spare = Spare.objects.create(template=template, status=status, ready_at=at, **fields)
    Spare.objects.filter(pk=spare.pk).update(created_at=at)
    return spare


def counts() -> dict[str, int]:
    return {status: Spare.objects.filter(status=status).count() for status in ("ready", "filling")}


@pytest.mark.parametrize("fits", [True, False])
def test_a_template_of_another_qemu_fills_no_pool(base, template, fits):
    if fits:
        template.fingerprint = fingerprint_of(base.current, memory_mb=128, cpus=1)
        template.save()
    Pool.objects.create(base=base, minimum=1)
    assert pools_refilled() == Spare.objects.count() == Job.objects.count() == int(fits)


@pytest.mark.parametrize("minimum", [0, 1])
def test_a_newer_revision_has_its_template_before_anyone_asks(base, fitting, minimum):
    Pool.objects.create(base=base, minimum=minimum)
    spare_row(fitting)
    base.current = BaseRevision.objects.create(
        base=base, number=2, digest="1" * 64, virtual_size=2**30, file_size=2**25
    )
    base.save()
    pools_refilled()
    pools_refilled()
    built = Template.objects.filter(revision=base.current)
    assert [each.status for each in built] == ["building"] * minimum
    assert counts()["ready"] == 0


def test_what_a_curator_retired_is_not_built_again_by_itself(base, fitting):
    Pool.objects.create(base=base, minimum=1)
    template_retired(fitting, "a curator retired it")
    pools_refilled()
    assert Template.objects.count() == 1


def test_spares_are_filled_one_at_a_time(base, fitting):
    Pool.objects.create(base=base, minimum=3)
    assert [pools_refilled(), pools_refilled()] == [1, 0]
    assert counts() == {"ready": 0, "filling": 1}


def test_no_more_are_filled_in_a_minute_than_the_rate_says(base, fitting):
    Pool.objects.create(base=base, minimum=5, refill_per_minute=2)
    spare_row(fitting, "taken", age_s=30)
    assert pools_refilled() == 1
    Spare.objects.filter(status="filling").update(status="taken")
    assert pools_refilled() == 0
    Spare.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    assert pools_refilled() == 1


def test_a_spare_that_could_not_be_filled_is_not_tried_again_at_once(base, fitting):
    Pool.objects.create(base=base, minimum=1)
    failed = Spare.objects.create(template=fitting, status="discarded", failure="no memory")
    assert pools_refilled() == 0
    Spare.objects.filter(pk=failed.pk).update(created_at=timezone.now() - timedelta(seconds=31))
    assert pools_refilled() == 1


def test_spares_older_than_the_limit_are_replaced(base, fitting):
    Pool.objects.create(base=base, minimum=2, age_limit_s=600)
    old, young = spare_row(fitting, age_s=601), spare_row(fitting, age_s=500)
    assert pools_refilled() == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.status, old.failure, young.status) == ("discarded", TOO_OLD, "ready")


def test_after_a_burst_more_are_kept_up_to_the_maximum_and_later_the_minimum(base, fitting):
    pool = Pool.objects.create(base=base, minimum=1, maximum=3)
    for _ in range(5):
        asked_once(base.pk, found=False)
    pool.refresh_from_db()
    assert (asked_lately(pool), wanted_spares(pool), pool.missed) == (5, 3, 5)
    for age_s in (1, 2, 3):
        spare_row(fitting, age_s=age_s)
    assert pools_refilled() == 0  # three are there, three are wanted
    Pool.objects.update(window_at=timezone.now() - 2 * WINDOW)
    assert pools_refilled() == 0
    assert counts() == {"ready": 1, "filling": 0}
    assert set(Spare.objects.filter(status="discarded").values_list("failure", flat=True)) == {NOT_NEEDED}


def test_the_window_before_counts_and_then_is_forgotten(base):
    pool = Pool.objects.create(base=base, minimum=1, maximum=9)
    for _ in range(4):
        asked_once(base.pk, found=True)
    Pool.objects.update(window_at=timezone.now() - WINDOW)
    asked_once(base.pk, found=True)
    pool.refresh_from_db()
    assert (pool.window_asked, pool.window_before, asked_lately(pool)) == (1, 4, 4)
    Pool.objects.update(window_at=timezone.now() - 3 * WINDOW)
    asked_once(base.pk, found=True)
    pool.refresh_from_db()
    assert (pool.window_asked, pool.window_before, pool.taken) == (1, 0, 6)


def test_a_pool_that_is_set_to_none_keeps_none(base, fitting):
    Pool.objects.create(base=base, minimum=0)
    spare = spare_row(fitting)
    assert pools_refilled() == 0
    spare.refresh_from_db()
    assert spare.status == "discarded"


def test_spares_of_other_templates_go(base, fitting):
    Pool.objects.create(base=base, minimum=1)
    other = spare_row(template_row(base, memory_mb=64))
    pools_refilled()
    other.refresh_from_db()
    assert (other.status, other.failure) == ("discarded", OTHER_TEMPLATE)


def test_what_was_handed_out_is_nobodys_to_discard(base, fitting):
    spare = spare_row(fitting)
    taken = spare_taken(fitting)
    assert taken == spare
    assert not spare_discarded(spare, "too late")
    assert spare_taken(fitting) is None
    spare.refresh_from_db()
    assert spare.status == "taken"


def test_spares_without_a_process_or_a_filler_are_discarded(base, fitting):
    dead = spare_row(fitting, record={"pid": 1, "started_ticks": 0, "boot_id": "", "uuid": "", "folder": ""})
    left, being_filled = spare_row(fitting, "filling"), spare_row(fitting, "filling")
    Job.objects.create(task=FILL, subject_id=being_filled.pk)
    assert spares_reconciled() == 2
    states = dict(Spare.objects.values_list("pk", "status"))
    assert states == {dead.pk: "discarded", left.pk: "discarded", being_filled.pk: "filling"}
    found = Finding.objects.filter(kind="spare", state="repaired").values_list("subject", flat=True)
    assert set(found) == {f"spare:{dead.pk}", f"spare:{left.pk}"}
