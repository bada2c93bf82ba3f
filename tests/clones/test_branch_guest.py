"""A clone of a clone whose guest runs: held still for a moment by its agent, and writing again after."""

import pytest
from django.conf import settings

from bases.services import Facts, Source, base_register
from clones.machines import guest_of
from clones.models import Clone
from clones.services import clone_create
from clones.wanted import Wanted
from hosts.jobs import work
from hosts.services import local_driver
from tests.clones.conftest import fresh
from tests.support.machines import machines_ended

pytestmark = pytest.mark.guest


@pytest.fixture
def web(site, actor, tiny_guest):
    source = Source(
        disk=tiny_guest.disk,
        boot_kind=tiny_guest.boot_kind,
        kernel=tiny_guest.kernel,
        initrd=tiny_guest.initrd,
        cmdline=tiny_guest.cmdline,
        seed=tiny_guest.seed,
    )
    facts = Facts(memory_mb=tiny_guest.memory_mb, cpus=1, ssh_user=tiny_guest.ssh_user)
    base_register(name="tiny", source=source, facts=facts, actor=actor)
    asked = clone_create(Wanted(base="tiny", name="web", way="cold"), actor=actor)
    work(asked.job.pk)
    yield fresh(asked.clone)
    machines_ended(settings.COWWEB_CLONES)


def test_a_running_guest_is_held_still_and_goes_on_writing(web, actor):
    assert (web.status, web.failure) == ("running", "")
    with guest_of(web) as guest:
        guest.run("echo before > /root/kept; sync")
        work(clone_create(Wanted(parent="web", name="child", start=False), actor=actor).job.pk)
        child = Clone.objects.get(name="child")
        assert (child.status, child.layer.kept) == ("stopped", "frozen")
        assert guest.run("echo after > /root/kept; sync; cat /root/kept").stdout == b"after\n"
    chain = local_driver().disk_chain(child.disk)
    assert chain == (child.disk, child.layer.disk, web.revision.disk)
