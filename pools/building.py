"""Making a template: boot a clone of the base once, install the agent, let it rest, save it.

Nothing is written into the base: the agent goes into the template's own layer.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from cowweb.clean import plain_text
from hosts.drivers.agent import AgentGuest, agent_binary, install
from hosts.drivers.base import Guest
from hosts.drivers.errors import DriverError
from hosts.drivers.records import MachineSpec, Started
from hosts.drivers.sparse import sparse_copy
from hosts.services import local_driver
from pools.models import Template
from pools.services import template_moved
from pools.specs import template_machine

Status = Template.Status
AGENT_S = 30.0
REST_S = 2.0
WARM = ("hostname", "cat /proc/uptime", "true", "id", "date")
LAST_WORDS_LINES = 30


def template_built(template_id: int) -> None:
    """Builds a template, or begins anew one whose builder died."""
    template = Template.objects.select_related("revision__base").get(pk=template_id)
    if template.status != Status.BUILDING:
        return
    start = time.perf_counter()
    cleared(template)
    try:
        saved(template)
    except Exception as error:
        detail = getattr(error, "detail", "") or local_driver().console_tail(
            template.folder, lines=LAST_WORDS_LINES
        )
        cleared(template)
        template_moved(
            template_id,
            to=Status.FAILED,
            since=Status.BUILDING,
            failure=str(error),
            failure_detail=plain_text(detail),
        )
        raise
    template_moved(
        template_id,
        to=Status.READY,
        since=Status.BUILDING,
        build_ms=round((time.perf_counter() - start) * 1000, 1),
        built_at=timezone.now(),
        memory_bytes=template.memory.stat().st_blocks * 512,
        state_bytes=template.state.stat().st_size,
        disk_bytes=template.disk.stat().st_blocks * 512,
    )


def cleared(template: Template) -> None:
    """What an earlier try left: its process first."""
    for record in local_driver().running(template.folder.parent):
        if Path(record.folder) == template.folder:
            local_driver().kill(record)
    shutil.rmtree(template.folder, ignore_errors=True)
    template.memory.unlink(missing_ok=True)


def saved(template: Template) -> None:
    template.folder.mkdir(parents=True, mode=0o700)
    template.memory.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    driver = local_driver()
    driver.disk_create(template.disk, backing=template.revision.disk)
    spec = template_machine(template)
    started = driver.start(spec)
    with contextlib.ExitStack() as undo:
        undo.callback(driver.kill, started.record)
        prepared(spec, started)
        driver.save_and_end(started.record, template.state)
    driver.disk_stands_on(template.disk, (template.revision.disk,))
    # The memory file stays writable: QEMU opens it so, although it maps it privately.
    for file in (template.disk, template.state):
        file.chmod(0o400)
    sparse_copy(template.memory, template.kept_memory)


def prepared(spec: MachineSpec, started: Started) -> None:
    """The guest with its agent, warmed by what every clone will do first, then left to come to rest."""
    binary = agent_binary(Path(settings.COWWEB_CACHE))
    with local_driver().guest(spec, started.record, started.forwards) as guest:
        guest.wait_ready(timeout_s=settings.COWWEB_READY_TIMEOUT_S)
        install(guest, binary)
        settled(guest)
    with AgentGuest(spec.folder) as agent:
        agent.wait_ready(timeout_s=AGENT_S)
        agent.identify(spec.identity, os.urandom(128), machine_id=spec.uuid)
        for command in WARM:
            agent.run(command, timeout_s=AGENT_S)
        agent.run("sync", timeout_s=AGENT_S)
    time.sleep(REST_S)


def settled(guest: Guest) -> None:
    """Waits until a starting system says that it has started; one without systemd has when it answers."""
    command = "! command -v systemctl >/dev/null || timeout 60 systemctl is-system-running --wait"
    with contextlib.suppress(DriverError):
        guest.run(command, timeout_s=90)


def memory_there(template: Template) -> bool:
    """Whether the memory file can be mapped; after a reboot it is copied back from disk first."""
    if template.memory.is_file():
        return True
    if not template.kept_memory.is_file():
        return False
    template.memory.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    arriving = template.memory.with_suffix(f".{os.getpid()}")
    try:
        sparse_copy(template.kept_memory, arriving)
        arriving.rename(template.memory)
    finally:
        arriving.unlink(missing_ok=True)
    return True
