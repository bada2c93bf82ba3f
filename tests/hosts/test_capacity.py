"""How much room the host has, and that nobody is promised what is not there."""

import os
import time

import pytest

from clones.models import Clone
from clones.services import clone_start, clones_create
from clones.wanted import Wanted
from cowweb.errors import HostFullError
from hosts.capacity import OVERHEAD, Capacity, Machine, capacity_measured, capacity_now
from hosts.drivers.records import HostUse
from hosts.models import Host
from hosts.services import local_driver
from pools.models import Pool, Spare, Template
from pools.refill import pools_refilled
from tests.clones.conftest import made, running  # noqa: F401

pytestmark = pytest.mark.slow

MIB, GIB = 1 << 20, 1 << 30
USE = HostUse(
    cpus=2,
    load=0.5,
    memory_bytes=8 * GIB,
    memory_available_bytes=6 * GIB,
    disk_bytes=GIB,
    disk_free_bytes=GIB,
)


def like(count, private=None, memory_mb=1024):
    machines = [Machine(f"{number}", 1, memory_mb, 1, {}, 20 * MIB) for number in range(count)]
    measured = {} if private is None else {machine.key: private for machine in machines}
    return Capacity(USE, machines, measured)


@pytest.fixture(autouse=True)
def limits(settings):
    settings.COWWEB_MEMORY_COMMIT, settings.COWWEB_MEMORY_RESERVE_MB = 150, 0
    settings.COWWEB_DISK_RESERVE_MB = 0


def test_a_machine_of_an_unknown_kind_is_expected_to_use_all_its_memory():
    fit = like(0).fits(1, 1024)
    assert (fit.memory_bytes, fit.count) == (GIB + OVERHEAD, 5)
    assert fit.why.startswith("6 GiB of 8 GiB memory are left, and one is expected to use 1 GiB")


def test_what_its_like_use_is_what_the_next_is_expected_to_use():
    assert like(1, private=400 * MIB).fits(1, 1024).memory_bytes == 500 * MIB
    assert like(1, private=MIB).fits(1, 1024).memory_bytes == 128 * MIB + OVERHEAD  # it may grow
    assert like(1, private=3 * GIB).fits(1, 1024).memory_bytes == GIB + OVERHEAD
    assert like(1, private=400 * MIB).fits(2, 1024).memory_bytes == GIB + OVERHEAD  # another base


def test_what_started_lately_has_still_to_come():
    assert like(3).outstanding_bytes == 3 * (GIB + OVERHEAD)
    assert like(3).fits(1, 1024).count == 2
    assert like(3, private=500 * MIB).outstanding_bytes == 3 * 125 * MIB


def test_promises_end_before_memory_does_where_clones_use_little():
    fit = like(11, private=MIB).fits(1, 1024)
    assert (fit.count, fit.why[:20]) == (1, "11 GiB of 8 GiB memo")


def test_the_disk_can_be_what_is_short(settings):
    settings.COWWEB_DISK_RESERVE_MB = 900
    fit = like(0).fits(1, 0)
    assert (fit.count, fit.disk_bytes) == (1, 64 * MIB)
    assert "disk are left beside the " in fit.why


def test_the_hosts_own_numbers_are_the_kernels():
    use = local_driver().use()
    assert use.memory_bytes == pytest.approx(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    assert 0 < use.memory_available_bytes < use.memory_bytes
    assert 0 < use.disk_free_bytes < use.disk_bytes


@pytest.fixture
def room_for(settings, monkeypatch):
    """Room for so many clones of demo, 64 MiB each, by what may be promised."""

    def limit(count):
        use = HostUse(2, 0, 64 * MIB * count, 100 * GIB, GIB, GIB)
        settings.COWWEB_MEMORY_COMMIT = 100
        monkeypatch.setattr(type(local_driver()), "use", lambda driver: use)

    return limit


@pytest.mark.django_db
def test_what_does_not_fit_is_refused_before_anything_is_made(demo, actor, room_for):
    room_for(3)
    clones_create([Wanted(base="demo")], actor=actor)
    with pytest.raises(HostFullError, match=r"^2 more clones of demo fit, and 3 were asked for: ") as refused:
        clones_create([Wanted(base="demo")] * 3, actor=actor)
    assert (refused.value.code, refused.value.facts) == ("host_full", {"fit": 2, "asked": 3})
    assert Clone.objects.count() == 1
    clones_create([Wanted(base="demo")] * 2, actor=actor)
    stopped = clones_create([Wanted(base="demo", start=False)], actor=actor)[0].clone  # only a disk
    Clone.objects.filter(pk=stopped.pk).update(status="stopped")
    with pytest.raises(HostFullError, match=r"^No more clones of demo fit, and 1 was asked for"):
        clone_start(clone=stopped, actor=actor)
    stopped.refresh_from_db()
    assert stopped.status == "stopped"


@pytest.mark.django_db
def test_no_spare_is_asked_for_that_does_not_fit(demo, room_for, monkeypatch):
    room_for(0)
    template = Template.objects.create(
        revision=demo.current, memory_mb=64, cpus=1, fingerprint="f", status="ready"
    )
    monkeypatch.setattr("pools.refill.usual_template", lambda pool: template)
    Pool.objects.create(base=demo, minimum=1)
    assert (pools_refilled(), Spare.objects.count()) == (0, 0)
    room_for(1)
    assert (pools_refilled(), Spare.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_a_running_machine_is_measured_by_what_its_process_holds(made, running):  # noqa: F811
    clone = running(made("web"))
    time.sleep(1)
    assert capacity_measured() == 1
    private = Host.objects.get().measured[clone.uuid.hex]
    assert 1 * MIB < private < 200 * MIB
    capacity = capacity_now()
    assert capacity.private_bytes == private
    assert capacity.promised_bytes == 64 * MIB
    assert capacity.cpus_promised == 1
