"""After the reconciler ran there is nothing that nobody answers for; what somebody answers for is untouched."""

import os
from dataclasses import asdict
from uuid import uuid4

import pytest
from django.conf import settings

from bases.models import BaseImage, BaseRevision
from clones.leftovers import LINGER_S, leftovers_cleared
from clones.models import Clone, Layer
from hosts.drivers.keys import make_identity
from hosts.drivers.records import Boot, BootKind, MachineSpec
from hosts.models import Finding
from hosts.services import local_driver, local_host
from pools.models import Spare, Template
from tests.drivers.driver_support import make_image
from tests.support.machines import machines_ended


@pytest.fixture
def revision(site, db):
    make_image(site.COWWEB_STORE / f"{'0' * 64}.qcow2")
    base = BaseImage.objects.create(name="demo", memory_mb=32, cpus=1)
    return BaseRevision.objects.create(
        base=base, number=1, digest="0" * 64, virtual_size=2**24, file_size=2**16
    )


@pytest.fixture
def machine(revision):
    """Starts a machine with nothing to boot in this uuid's folder."""

    def start(uuid, root=None):
        folder = (root or settings.COWWEB_CLONES) / uuid.hex[:12]
        folder.mkdir(parents=True)
        local_driver().disk_create(folder / "disk.qcow2", backing=revision.disk)
        identity = make_identity("left", "root")
        spec = MachineSpec(uuid, "left", folder, folder / "disk.qcow2", 32, 1, Boot(BootKind.BIOS), identity)
        return local_driver().start(spec).record

    yield start
    machines_ended(settings.COWWEB_DATA)


def clone_row(revision, owner, **fields):
    machine = {"memory_mb": 32, "cpus": 1, "host": local_host(), "revision": revision, "owner": owner}
    return Clone.objects.create(**{"name": f"c{uuid4().hex[:6]}", **machine, **fields})


def template_row(revision, **fields):
    machine = {"memory_mb": 32, "cpus": 1, "revision": revision, "fingerprint": uuid4().hex}
    return Template.objects.create(**{**machine, **fields})


def test_what_a_removed_clone_left_goes_and_what_has_no_row_stays(machine, revision, admin):
    stray, removed = machine(uuid4()), clone_row(revision, admin, status="removed")
    of_removed = machine(removed.uuid)
    assert leftovers_cleared() == 2
    assert local_driver().alive(stray) and not local_driver().alive(of_removed)
    assert [str(folder) for folder in settings.COWWEB_CLONES.iterdir()] == [stray.folder]
    assert {finding.state for finding in Finding.objects.all()} == {"repaired"}
    assert leftovers_cleared() == 0


def test_machines_of_clones_and_spares_run_on(machine, revision, admin):
    template = template_row(revision, status="ready")
    starting, running = (clone_row(revision, admin, status=status) for status in ("starting", "creating"))
    spare, filling = (Spare.objects.create(template=template, status=s) for s in ("ready", "filling"))
    records = [machine(row.uuid) for row in (starting, running, spare, filling)]
    Clone.objects.filter(pk=running.pk).update(status="running", record=asdict(records[1]))
    assert leftovers_cleared() == 0
    assert all(local_driver().alive(record) for record in records)


def test_a_second_machine_of_a_clone_is_ended_and_its_disk_stays(machine, revision, admin):
    failed = clone_row(revision, admin, status="failed")
    record = machine(failed.uuid)
    assert leftovers_cleared() == 1
    assert not local_driver().alive(record)
    assert failed.folder.exists()


def test_spares_that_were_given_up_leave_nothing(machine, revision):
    spare = Spare.objects.create(template=template_row(revision), status="discarded")
    record = machine(spare.uuid)
    assert leftovers_cleared() == 2
    assert not local_driver().alive(record) and not spare.folder.exists()


def test_memory_and_disks_of_templates_go_when_nothing_needs_them(revision, admin):
    statuses = ("ready", "stale", "stale", "stale")
    ready, stale, needed, deep = (template_row(revision, status=status) for status in statuses)
    clone_row(revision, admin, status="stopped", template=needed)
    gone = clone_row(revision, admin, status="removed", template=deep)
    Layer.objects.create(made_from=gone, revision=revision, template=deep)  # of which others were made
    settings.COWWEB_MEMORY.mkdir()
    for template in (ready, stale, needed, deep):
        template.folder.mkdir(parents=True)
        template.disk.write_bytes(b"layer")
        template.memory.write_bytes(b"memory")
        long_ago = template.folder.stat().st_mtime - LINGER_S - 1
        os.utime(template.folder, (long_ago, long_ago))
    half = ready.memory.with_suffix(f".{2**22 + 1}")  # a pid that cannot be
    mine = ready.memory.with_suffix(f".{os.getpid()}")
    half.write_bytes(b"half")
    mine.write_bytes(b"half")
    assert leftovers_cleared() == 5
    assert set(settings.COWWEB_MEMORY.iterdir()) == {ready.memory, mine}
    assert set(settings.COWWEB_TEMPLATES.iterdir()) == {ready.folder, needed.folder, deep.folder}


@pytest.mark.django_db
def test_what_is_not_named_as_ours_is_left_alone(site):
    notes = settings.COWWEB_CLONES / "notes-of-mine"
    notes.mkdir()
    (settings.COWWEB_CLONES / "0123456789ab").touch()  # a file
    assert leftovers_cleared() == 0
    assert notes.exists()
