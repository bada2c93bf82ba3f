"""A template is only called ready while the next clone would go on from it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bases.life import revision_retire
from bases.models import BaseRevision
from cowweb.errors import ConflictError
from hosts.models import Finding, Job
from pools import upkeep
from pools.models import Pool, Spare, Template
from pools.refill import pools_refilled
from pools.services import BUILD, OTHER_QEMU, fingerprint_of, template_ahead
from pools.upkeep import (
    BASE_RETIRED,
    FILES_GONE,
    NOT_INTACT,
    SUPERSEDED,
    abandoned_ended,
    templates_reconciled,
)
from tests.pools.conftest import clone_row


@pytest.fixture
def good(base, template) -> Template:
    template.fingerprint = fingerprint_of(base.current, memory_mb=128, cpus=1)
    template.save()
    template.folder.mkdir(parents=True)
    template.memory.parent.mkdir(parents=True)
    for file in (template.disk, template.state, template.kept_memory, template.memory):
        file.write_bytes(b"kept")
    assert templates_reconciled() == 0
    return template


def after(template: Template) -> tuple[str, str]:
    template.refresh_from_db()
    return template.status, template.failure


def test_one_that_nobody_builds_any_more_has_failed_and_is_built_at_the_next_wish(base, actor):
    machine = {"base": base, "memory_mb": 128, "cpus": 1, "actor": actor}
    building = template_ahead(**machine)
    assert abandoned_ended() == 0
    Job.objects.filter(task=BUILD).update(state="failed")
    building.folder.mkdir(parents=True)
    assert abandoned_ended() == 1
    assert after(building) == ("failed", "nobody builds it any more")
    assert not building.folder.exists()
    assert template_ahead(**machine).pk != building.pk


def test_another_qemu_makes_it_stale_and_has_it_built_again(base, good, client, member, monkeypatch):
    Spare.objects.create(template=good, status="ready")
    monkeypatch.setattr("hosts.drivers.fingerprint.qemu_version", lambda: "99.0.0")
    assert templates_reconciled() == 1
    assert after(good) == ("stale", OTHER_QEMU)
    assert not good.memory.exists() and good.disk.exists()
    assert Spare.objects.get().status == "discarded"
    again = Template.objects.get(status="building")
    assert Job.objects.get().subject_id == again.pk
    client.force_login(member)
    page = client.get("/bases/demo/?tab=pool").text
    assert "Stale" in page and "changed since it was built" in page
    assert templates_reconciled() == 0


def test_where_templates_do_not_come_by_themselves_it_is_not_built_again(base, good, monkeypatch):
    Pool.objects.create(base=base, instant=False)
    monkeypatch.setattr("hosts.drivers.fingerprint.qemu_version", lambda: "99.0.0")
    assert templates_reconciled() == 1
    assert not Job.objects.filter(task=BUILD).exists()


def test_while_qemu_is_being_replaced_nothing_is_stale(good, monkeypatch):
    monkeypatch.setattr(upkeep, "qemu_version", lambda: None)
    monkeypatch.setattr("hosts.drivers.fingerprint.qemu_version", lambda: None)
    assert templates_reconciled() == 0
    assert after(good) == ("ready", "")


def test_without_its_files_it_is_not_ready(good):
    good.kept_memory.unlink()
    assert templates_reconciled() == 1
    assert after(good) == ("stale", FILES_GONE)
    assert Finding.objects.get(kind="template").state == "repaired"


def test_of_a_revision_that_changed_on_disk_nothing_is_cloned(base, good):
    BaseRevision.objects.update(intact=False)
    assert templates_reconciled() == 1
    assert after(good) == ("stale", NOT_INTACT)


def test_it_is_retired_with_its_base_and_so_are_its_spares(base, good, actor):
    Pool.objects.create(base=base, minimum=1)
    Spare.objects.create(template=good, status="ready")
    revision_retire(revision=base.current, why="not needed", actor=actor)
    base.refresh_from_db()
    assert templates_reconciled() == 1
    assert after(good) == ("stale", BASE_RETIRED)
    assert not good.memory.exists()
    assert Spare.objects.get().status == "discarded"
    assert pools_refilled() == 0
    with pytest.raises(ConflictError, match="demo@1 is retired: templates are of cloned ones"):
        template_ahead(base=base, memory_mb=128, cpus=1, actor=actor)
    assert not Job.objects.filter(task=BUILD).exists()


def test_of_an_older_revision_it_stays_while_it_is_cloned_from(base, good, admin):
    base.current = BaseRevision.objects.create(
        base=base, number=2, digest="1" * 64, virtual_size=2**30, file_size=2**25
    )
    base.save()
    assert templates_reconciled() == 0  # it was built just now
    long_ago = timezone.now() - timedelta(hours=2)
    Template.objects.update(created_at=long_ago, built_at=long_ago)
    clone = clone_row(base, admin, "pinned", template=good)
    assert templates_reconciled() == 0
    type(clone).objects.update(created_at=long_ago)
    assert templates_reconciled() == 1
    assert after(good) == ("stale", SUPERSEDED)
    assert not Job.objects.exists()
