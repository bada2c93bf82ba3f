"""The reconciler's look at a site with many clones: what it costs does not grow with what it knows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clones import compared
from clones.models import Clone
from clones.survey import site_surveyed
from hosts.models import Finding

pytestmark = pytest.mark.slow


def test_a_look_asks_as_often_for_many_lost_disks_as_for_few(made):
    """A volume that is gone takes all disks along; what is known of them is counted at once."""
    asked = []
    for names in (["a-1", "a-2"], ["b-1", "b-2", "b-3", "b-4"]):
        for name in names:
            made(name).disk.unlink()
        site_surveyed()
        with CaptureQueriesContext(connection) as queries:
            site_surveyed()
        asked.append(len(queries))
    assert asked[0] == asked[1]
    assert sorted(Finding.objects.values_list("subject", "count")) == [
        *((f"clone:a-{number}", 4) for number in (1, 2)),
        *((f"clone:b-{number}", 2) for number in (1, 2, 3, 4)),
    ]


def test_a_look_that_is_cut_off_leaves_no_lost_disk_without_its_finding(made, monkeypatch):
    for name in ("a-1", "a-2"):
        made(name).disk.unlink()
    lost = compared.disk_lost

    def dies(clone, found):
        if Clone.objects.filter(status="failed").exists():
            raise KeyboardInterrupt
        return lost(clone, found)

    monkeypatch.setattr(compared, "disk_lost", dies)
    with pytest.raises(KeyboardInterrupt):
        site_surveyed()
    failed = Clone.objects.get(status="failed")
    assert Finding.objects.get().subject == f"clone:{failed.name}"


def test_a_look_asks_as_often_for_many_clones_as_for_few(made):
    asked = []
    for names in (["a-1"], ["b-1", "b-2", "b-3", "b-4"]):
        for name in names:
            made(name)
        with CaptureQueriesContext(connection) as queries:
            assert site_surveyed() == 0
        asked.append(len(queries))
    assert asked[0] == asked[1]
