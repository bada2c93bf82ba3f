"""Branching a running guest: how long its parent stands still, and how soon the child answers as itself.

What it is compared with is the plain way to the same end: stop the machine, save it whole, let it go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from bench.harness import Comparison, Options, Reach, measured
from bench.machines import Alive, Bed, Saved, Times, bed
from hosts.drivers.agent import AgentGuest
from hosts.drivers.build import GuestKind
from hosts.drivers.records import Memory

ROUNDS = 12
PAUSE_MS = 30
PLAIN, IDLE, BUSY = "stopped and saved whole", "idle parent", "busy parent"
# Writes two megabytes again and again, as a program at work would.
WORK = "(while :; do dd if=/dev/zero of=/run/work bs=64k count=32 2>/dev/null; done) >/dev/null 2>&1 &"
COUNT = "cat /run/count"


@dataclass(frozen=True, slots=True)
class Branched:
    """Milliseconds of one branch."""

    pause: float
    moment: float  # the parent's moment written down, nearly all of it while it ran
    answered: float  # from the request to the child's first command, as itself


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    kinds: list[GuestKind] = ["tiny", "debian"] if options.debian else ["tiny"]
    for kind in kinds:
        place = folder / kind
        place.mkdir()
        with bed(place, kind) as machines:
            yield branches(machines, machines.saved(), options.rounds or ROUNDS, kind)


def branches(machines: Bed, saved: Saved, rounds: int, kind: GuestKind) -> Comparison:
    plain: list[float] = []
    done: dict[str, list[Branched]] = {IDLE: [], BUSY: []}
    for number in range(rounds):
        for case, into in done.items():
            parent, _ = machines.cloned(saved)
            said(parent, f"echo {number} > /run/count" + (f"; {WORK}" if case == BUSY else ""))
            into.append(branched(machines, parent, str(number)))
            if case == IDLE:
                plain.append(stood_still(machines, parent))
            machines.ended(parent)
    samples = {f"{PLAIN}: pause": plain}
    for case, found in done.items():
        samples[f"{case}: pause"] = [one.pause for one in found]
    for case, found in done.items():
        samples[f"{case}: moment written"] = [one.moment for one in found]
        samples[f"{case}: child answers"] = [one.answered for one in found]
    comparison = measured(f"branch: {kind} of {machines.guest.memory_mb} MiB, while it runs", samples)
    reaches = [
        Reach(
            f"{kind}: live branch, the pause of an {IDLE}" if case == IDLE else f"{kind}: of a {BUSY}",
            comparison.p50_ms(f"{case}: pause"),
            PAUSE_MS,
            at_least=False,
            unit="ms",
        )
        for case in done
    ]
    return replace(comparison, reaches=reaches)


def branched(machines: Bed, parent: Alive, counted: str) -> Branched:
    """A child of the running parent, ended again once it has answered with what the parent had in memory."""
    mark = uuid4().hex[:8]
    state = machines.memory / f"{mark}.moment"
    layer, overlay = machines.folder / f"{mark}.layer", parent.spec.folder / f"{mark}.next"
    times = Times()
    layer.hardlink_to(parent.spec.disk)
    machines.driver.disk_create(overlay, backing=layer)
    pause = machines.driver.branch(parent.started.record, overlay, mark=mark, state=state)
    overlay.rename(parent.spec.disk)
    layer.chmod(0o400)  # nobody's own any more: the child is lent it
    times.mark("moment")
    memory = Memory(None, shared=False, state=state, paused=True, held=True)
    child = machines.begun(machines.spec(memory=memory), layer)
    state.unlink()
    machines.driver.resume(child.started.record)
    machines.identified(child, times)
    machines.driver.let_out(child.started.record)
    if said(child, COUNT) != counted:
        raise AssertionError("the child does not go on from where its parent was")
    machines.ended(child)
    return Branched(pause, times["moment"], times["command"])


def stood_still(machines: Bed, parent: Alive) -> float:
    """How long the parent would have stood if it had been stopped for all of it."""
    state = machines.memory / f"{uuid4().hex}.state"
    took = machines.driver.save_whole_and_end(parent.started.record, state).took_ms
    state.unlink()
    return took


def said(alive: Alive, command: str) -> str:
    with AgentGuest(alive.spec.folder) as agent:
        return agent.run(command, timeout_s=60).stdout.decode().strip()
