"""Many clones of one template together: each is somebody else right after hand-out, and none sees another."""

import hashlib
import os
import socket
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from clones.services import clone_remove, clones_create
from clones.wanted import Wanted
from hosts.drivers.agent import AgentGuest
from hosts.services import local_driver
from pools.models import Spare, Template
from pools.specs import private_memory, spare_machine
from tests.clones.memory.conftest import fresh

pytestmark = [pytest.mark.guest, pytest.mark.django_db]
MANY = 64 if os.environ.get("COWWEB_LONG_TESTS") else 12
WITHOUT = 4
WITHIN_S = 0.5
# What must differ, and first of all the random numbers: they are the first to be the same where they would be.
WHO = """head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo; cat /proc/sys/kernel/random/uuid; hostname; \
cat /etc/machine-id; date +%s"""
RANDOM, UUID, HOSTNAME, MACHINE_ID, CLOCK = range(5)
COOKIE = slice(6, 22)  # of an SSH server's first packet, after its length, padding and kind


def digests(template: Template) -> dict[Path, str]:
    files = (template.disk, template.state, template.memory, template.revision.disk)
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def cookie_of(port: int) -> bytes:
    """The random bytes with which the guest's SSH server begins every exchange of keys."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer, peer.makefile("rb") as lines:
        lines.readline()
        peer.sendall(b"SSH-2.0-test\r\n")
        return lines.read(22)[COOKIE]


@pytest.fixture(scope="module")
def template(memory_site) -> Template:
    return Template.objects.get(status="ready")


def test_many_together_are_all_somebody_else_and_touch_nothing_shared(memory_site, template):
    before = digests(template)
    wanted = [Wanted(base="tiny", name=f"many-{number}", way="memory") for number in range(MANY)]
    began = time.monotonic()
    clones = [memory_site.done(asked) for asked in clones_create(wanted, actor=memory_site.actor)]
    print(f"{MANY} clones after {time.monotonic() - began:.1f} s")
    said = []
    for clone in clones:
        before_s = time.time()
        said.append(memory_site.says(clone, WHO).split())
        told_s = int(said[-1][CLOCK])  # whole seconds
        assert before_s - WITHIN_S < told_s + 1 and told_s < time.time() + WITHIN_S
    for what in (RANDOM, UUID, HOSTNAME, MACHINE_ID):
        assert len({one[what] for one in said}) == MANY, what
    assert len({cookie_of(clone.ssh_port) for clone in clones}) == MANY
    assert len({clone.host_public for clone in clones}) == MANY
    assert all(clone.identity_verified for clone in clones)

    for clone in clones[:4]:
        mark = f"of-{clone.name}"
        memory_site.says(clone, f"echo {mark} > /root/{mark}; echo {mark} > /run/{mark}; sync")
    for clone in clones[:4]:
        found = memory_site.says(clone, "ls /root /run | grep of- | sort -u").split()
        assert found == [f"of-{clone.name}"]
    assert digests(template) == before
    for clone in clones:
        memory_site.done(clone_remove(clone=fresh(clone), actor=memory_site.actor))
    assert not any(clone.folder.exists() for clone in clones)


def test_without_the_message_they_would_all_be_the_same_machine(memory_site, template):
    """That the test above can fail: the same machines, restored and asked without their identity."""
    said = []
    for _ in range(WITHOUT):
        spare = Spare(template=template, uuid=uuid4())
        spare.folder.mkdir(mode=0o700)
        local_driver().disk_create(spare.disk, backing=template.disk)
        spec = replace(spare_machine(spare), memory=private_memory(template))
        started = local_driver().start(spec)
        with AgentGuest(spare.folder) as agent:
            said.append(agent.run(WHO, timeout_s=60).stdout.decode().split())
        local_driver().kill(started.record)
    for what in (HOSTNAME, MACHINE_ID):  # random numbers too, but only until the kernel feeds itself again
        assert len({one[what] for one in said}) == 1, what
