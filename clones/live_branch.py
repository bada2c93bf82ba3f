"""A branch of a running clone: it goes on from where its parent is, with its memory, as another machine.

The parent's moment is written down while it hardly pauses: its memory into a file, its disk by going on in a
new layer. The branch loads both, held apart from any network until it has acknowledged an identity of its
own. Whatever goes wrong, the parent runs on, and nothing stays of the branch.

Example::

    clone_create(Wanted(parent="web", way="live"), actor=actor)     # running, with pause_ms of web
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace

from clones.branching import machine_of, next_disk, set_aside, settled
from clones.busy import busy_with
from clones.grounds import grounds_checked
from clones.identity import identity_written
from clones.instant import Times, destroyed, identified, running, since_ms, started_written, starting
from clones.models import Clone, Layer
from clones.services import clone_moved
from clones.specs import record_of, spec_of
from cowweb.errors import ConflictError, DomainError
from hosts.drivers.errors import DriverError
from hosts.drivers.host_errors import host_errors
from hosts.drivers.machine_args import FIRMWARE_VARIABLES
from hosts.drivers.records import Memory
from hosts.services import local_driver

Status = Clone.Status
Kept = Layer.Kept
OnPhase = Callable[[str], None]
PARENT_WAIT_S = 120.0
BRANCHED = "{} was branched from it while it ran. It stood still for {:.1f} ms."


def live_branched(child: Clone, *, on_phase: OnPhase) -> None:
    """Brings a new clone from CREATING to RUNNING, or to FAILED with the reason."""
    on_phase("clone")
    try:
        with host_errors("the live branch could not be made"):
            layer = moment_written(child)
            gone_on(child, layer, on_phase)
    except (DriverError, DomainError) as error:
        destroyed(child)
        clone_moved(child.pk, to=Status.FAILED, since=[Status.CREATING], failure=str(error))
        raise
    finally:
        child.moment.unlink(missing_ok=True)


def moment_written(child: Clone) -> Layer:
    """The parent's memory in a file, its disk a layer; it runs on above that."""
    assert child.parent_id
    child.folder.mkdir(parents=True, mode=0o700)
    child.moment.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    child.moment.unlink(missing_ok=True)  # an earlier try's
    with busy_with(
        child.parent_id, f"clone:{child.pk}", since=[Status.RUNNING], wait_s=PARENT_WAIT_S
    ) as parent:
        settled(parent)
        grounds_checked(parent)
        start = time.perf_counter()
        layer = set_aside(parent, lambda clone, layer: moment_put(clone, layer, child))
        child.moment_ms, child.layer = since_ms(start), layer
        note = BRANCHED.format(child.name, child.pause_ms or 0)
        Clone.objects.filter(pk=parent.pk).update(note=note)
        Clone.objects.filter(pk=child.pk).update(layer=layer)
        variables = parent.folder / FIRMWARE_VARIABLES
        if variables.exists():
            shutil.copyfile(variables, child.folder / FIRMWARE_VARIABLES)
    return layer


def moment_put(parent: Clone, layer: Layer, child: Clone) -> str:
    record = machine_of(parent)
    if record is None:
        raise ConflictError(f"{parent.name} ended before it could be branched")
    above = next_disk(parent, layer)
    child.pause_ms = local_driver().branch(record, above, mark=layer.mark, state=child.moment)
    return Kept.LIVE


def gone_on(child: Clone, layer: Layer, on_phase: OnPhase) -> None:
    """The branch runs: another identity first, then its network."""
    driver = local_driver()
    start = time.perf_counter()
    driver.disk_create(child.disk, backing=layer.disk)
    identity = identity_written(child)
    disk_ms = since_ms(start)
    on_phase("start")
    starting(child)
    start = time.perf_counter()
    memory = Memory(None, shared=False, state=child.moment, paused=True, held=True)
    grounds_checked(child)
    started_written(child, driver.start(replace(spec_of(child), memory=memory)))
    driver.resume(record_of(child))
    start_ms = since_ms(start)
    on_phase("ready")
    identity_ms = identified(child, identity)
    driver.let_out(record_of(child))
    times = Times(disk_ms, start_ms, identity_ms, child.moment_ms, child.pause_ms)
    running(child, None, Clone.Way.LIVE, times)
