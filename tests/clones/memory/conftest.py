"""A site with one base and one booted template for all tests of this folder.

All of it is in one transaction that is never committed; each test's own is inside that.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from audit.models import Via
from audit.services import Actor
from bases.management.commands.build_base import facts_of
from bases.services import Source, base_register
from clones.machines import guest_of
from clones.models import Clone
from clones.services import Asked, clone_create
from clones.wanted import Wanted
from hosts import services as host_services
from hosts.drivers.qemu import QemuDriver
from hosts.jobs import work
from hosts.models import Job
from pools.services import template_wanted
from tests.drivers.driver_support import TCG
from tests.support.machines import machines_ended

FOLDERS = ("STORE", "CLONES", "TEMPLATES", "LAYERS", "IMPORT")


@dataclass
class MemorySite:
    """One base, `tiny`. What its clones are asked to do is done here, at once."""

    actor: Actor

    def clone(self, name: str, way: str = "memory") -> Clone:
        clone = self.done(clone_create(Wanted(base="tiny", name=name, way=way), actor=self.actor))
        assert clone.status == "running", clone.failure
        assert clone.way == way
        return clone

    def done(self, asked: Asked) -> Clone:
        assert asked.job
        work(asked.job.pk)
        asked.job.refresh_from_db()
        assert asked.job.state == Job.State.DONE, asked.job.failure
        return fresh(asked.clone)

    def says(self, clone: Clone, command: str) -> str:
        with guest_of(fresh(clone)) as guest:
            guest.wait_ready(timeout_s=60)
            result = guest.run(command, timeout_s=60)
        assert result.exit_code == 0, result
        return result.stdout.decode().strip()


def fresh(clone: Clone) -> Clone:
    return Clone.objects.for_list().get(pk=clone.pk)


@pytest.fixture(scope="package")
def shared_memory() -> Iterator[Path]:
    """A folder in memory, as the site's own is: a guest's RAM on a disk would be slow to boot in."""
    with tempfile.TemporaryDirectory(prefix="cowweb-test-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="package")
def memory_site(
    tmp_path_factory, shared_memory, tiny_guest, django_db_setup, django_db_blocker
) -> Iterator[MemorySite]:
    data = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        patch.setattr(settings, "COWWEB_DATA", data)
        for name in FOLDERS:
            folder = data / name.lower()
            folder.mkdir()
            patch.setattr(settings, f"COWWEB_{name}", folder, raising=False)
        patch.setattr(settings, "COWWEB_MEMORY", shared_memory)
        patch.setattr(settings, "COWWEB_READY_TIMEOUT_S", 400)
        patch.setattr(settings, "COWWEB_IMPORT_FOLDERS", [data / "import"])
        driver = QemuDriver(accelerator=lambda: TCG, disks=data)
        patch.setattr(host_services, "driver_for", driver_giver(driver))
        host_services.local_driver.cache_clear()
        actor = Actor(user=User.objects.create_superuser("keeper"), via=Via.SHELL)
        source = Source(
            disk=tiny_guest.disk,
            boot_kind=tiny_guest.boot_kind,
            kernel=tiny_guest.kernel,
            initrd=tiny_guest.initrd,
            cmdline=tiny_guest.cmdline,
            seed=tiny_guest.seed,
        )
        base = base_register(name="tiny", source=source, facts=facts_of(tiny_guest), actor=actor)
        try:
            template, job = template_wanted(base.current, memory_mb=base.memory_mb, cpus=base.cpus)
            work(job.pk)
            template.refresh_from_db()
            assert template.status == "ready", f"{template.failure}\n{template.failure_detail}"
            print(f"template built in {template.build_ms} ms")
            yield MemorySite(actor)
        finally:
            machines_ended(data, driver)
            host_services.local_driver.cache_clear()
            transaction.set_rollback(True)


def driver_giver(driver: QemuDriver) -> Callable[..., QemuDriver]:
    return lambda *args, **kwargs: driver
