"""The looks of every few seconds: what they put right is a finding, and a machine that hangs holds up nobody."""

import os
import signal
import subprocess
import time

import pytest

from audit.models import AuditEntry, Via
from audit.services import Actor
from clones.egress import egress_looked_after, egress_set
from clones.machines import process_started
from hosts.drivers.egress_rules import group_of
from hosts.models import Finding
from hosts.services import local_driver
from pools.models import Spare, Template
from tests.clones.conftest import fresh

pytestmark = pytest.mark.slow


@pytest.fixture
def held(made, running):
    """A machine whose connections the kernel's own rules hold."""
    if not local_driver().egress().holds:
        pytest.skip("this host cannot hold a machine to its ports")
    yield (web := running(made("web")))
    local_driver().egress_end(web.uuid)


def has_rules(uuid):
    return local_driver().egress_kept({uuid: None})[uuid] is not None


def test_rules_that_somebody_took_away_are_put_back_and_on_record(held):
    egress_looked_after()
    assert not Finding.objects.exists()
    local_driver().egress_end(held.uuid)
    egress_looked_after()
    finding = Finding.objects.get()
    assert (finding.kind, finding.subject, finding.state) == ("rules", "clone:web", "repaired")
    assert has_rules(held.uuid)


def test_rules_that_somebody_altered_are_put_right_and_on_record(held):
    egress_looked_after()
    chain = ["inet", "cowweb", f"machine_{group_of(held.uuid)}"]
    subprocess.run(["nft", "insert", "rule", *chain, "accept"], check=True)
    egress_looked_after()
    assert not Finding.objects.exists(), "its ports may just be changing"
    egress_looked_after()
    finding = Finding.objects.get()
    assert (finding.kind, finding.subject, finding.state) == ("rules", "clone:web", "repaired")
    assert finding.found == "its network rules were altered"
    assert AuditEntry.objects.filter(action="restore_egress", target="clone:web").count() == 1
    for _ in range(2):
        egress_looked_after()
    assert Finding.objects.get().count == 1


def test_ports_that_somebody_changes_are_no_alteration(held, admin):
    egress_looked_after()
    egress_set(clone=fresh(held), ports=(443,), actor=Actor(admin, Via.WEB))
    for _ in range(2):
        egress_looked_after()
    assert not Finding.objects.exists()


def test_rules_of_a_spare_are_as_well(held):
    """A spare is a machine that nobody has yet; here it is made of a clone's."""
    template = Template.objects.create(revision=held.revision, memory_mb=64, cpus=1, fingerprint="f")
    uuid, record = held.uuid, held.record
    type(held).objects.filter(pk=held.pk).delete()
    Spare.objects.create(template=template, uuid=uuid, record=record, status=Spare.Status.READY)
    local_driver().egress_end(uuid)
    egress_looked_after()
    assert Finding.objects.get().subject == f"spare:{uuid.hex[:12]}"
    assert has_rules(uuid)


def test_a_machine_that_hangs_is_taken_for_started_without_being_asked(made, running):
    web = running(made("web"))
    pid = web.record["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        process_started(fresh(web))
        assert time.monotonic() - began < 2
        assert fresh(web).record["pid"] == pid
    finally:
        os.kill(pid, signal.SIGCONT)
