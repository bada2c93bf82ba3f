"""Clones of a running guest against cold boots of the same guest, by the driver alone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.harness import Comparison, Options, Reach, measured
from bench.machines import Alive, Bed, Saved, Times, bed, private_kib
from hosts.drivers.build import GuestKind

ROUNDS = 6
COLD_EVERY = 2  # a cold boot takes as long as many clones
LIVE = 64
AT_ONCE = {1: 6, 4: 3, 16: 2}
COLD, MEMORY, SPARE = "cold boot", "memory clone", "from a spare"
MOMENTS = ("running", "identity", "command")
Ways = dict[str, list[Times]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be reached with one kind of guest."""

    clone: float  # cold boot / memory clone, both to the first command
    spare: float
    running: float | None  # cold boot to ready / memory clone to running


WANTED: dict[GuestKind, Wanted] = {"tiny": Wanted(10, 40, None), "debian": Wanted(40, 150, 250)}


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    kinds: list[GuestKind] = ["tiny", "debian"] if options.debian else ["tiny"]
    for kind in kinds:
        place = folder / kind
        place.mkdir()
        with bed(place, kind) as machines:
            saved = machines.saved()
            yield from paths(machines, saved, options.rounds or ROUNDS, kind)
            yield at_once(machines, saved, kind)
            yield density(machines, saved, options.live or LIVE, kind)


def paths(machines: Bed, saved: Saved, rounds: int, kind: GuestKind) -> Iterator[Comparison]:
    """Every way in turn, in the same minutes."""
    took: Ways = {COLD: [], MEMORY: [], SPARE: []}
    dirty: list[int] = []
    for number in range(rounds):
        if number % COLD_EVERY == 0:
            took[COLD].append(machines.booted())
        for way, make in ((MEMORY, one_cloned), (SPARE, one_taken)):
            alive, times = make(machines, saved)
            took[way].append(times)
            dirty.append(private_kib(alive.started.record.pid, saved.memory))
            machines.ended(alive)
    samples = {"cold boot, ready": [times["ready"] for times in took[COLD]]}
    samples["cold boot, command"] = [times["command"] for times in took[COLD]]
    for way in (MEMORY, SPARE):
        for moment in MOMENTS:
            samples[f"{way}, {moment}"] = [times[moment] for times in took[way]]
    done = measured(f"instant: {kind}, from the request; template in {saved.build_ms / 1000:.1f} s", samples)
    share = Reach(
        f"{kind}: memory privately dirty after the first command",
        100 * median(dirty) / 1024 / machines.guest.memory_mb,
        4,
        at_least=False,
        unit="%",
        note=f"{median(dirty) / 1024:.1f} of {machines.guest.memory_mb} MiB",
    )
    yield replace(done, reaches=[*ratios(done, kind), share])


def one_cloned(machines: Bed, saved: Saved) -> tuple[Alive, Times]:
    return machines.cloned(saved)


def one_taken(machines: Bed, saved: Saved) -> tuple[Alive, Times]:
    return machines.taken(machines.spare(saved))


def ratios(done: Comparison, kind: GuestKind) -> list[Reach]:
    wanted, cold = WANTED[kind], done.p50_ms("cold boot, command")
    found = [
        Reach(
            f"{kind}: cold boot / memory clone, to the first command",
            cold / done.p50_ms(f"{MEMORY}, command"),
            wanted.clone,
        ),
        Reach(
            f"{kind}: cold boot / spare, to the first command",
            cold / done.p50_ms(f"{SPARE}, command"),
            wanted.spare,
        ),
    ]
    if wanted.running:
        running = done.p50_ms("cold boot, ready") / done.p50_ms(f"{MEMORY}, running")
        found.append(Reach(f"{kind}: cold boot to ready / memory clone to running", running, wanted.running))
    return found


def at_once(machines: Bed, saved: Saved, kind: GuestKind) -> Comparison:
    """Until all of several that were asked for together have answered their first command."""
    samples: dict[int, list[float]] = {many: [] for many in AT_ONCE}
    for number in range(max(AT_ONCE.values())):
        for many, rounds in AT_ONCE.items():
            if number < rounds:
                samples[many].append(all_answered_ms(machines, saved, many))
    done = measured(
        f"instant: {kind}, memory clones asked for together, until all have answered",
        {f"{many} at once": times for many, times in samples.items()},
    )
    one = median(samples[1])
    reaches = [
        Reach(
            f"{kind}: {many} at once / {many} times one",
            median(samples[many]) / (many * one),
            1.2,
            at_least=False,
        )
        for many in AT_ONCE
        if many > 1
    ]
    return replace(done, reaches=reaches)


def all_answered_ms(machines: Bed, saved: Saved, many: int) -> float:
    clone: Callable[[int], tuple[Alive, Times]] = lambda _: machines.cloned(saved)  # noqa: E731
    whole = Times()
    with ThreadPoolExecutor(many) as pool:
        made = list(pool.map(clone, range(many)))
    whole.mark("all")
    for alive, _ in made:
        machines.ended(alive)
    return whole["all"]


def density(machines: Bed, saved: Saved, live: int, kind: GuestKind) -> Comparison:
    """One after the other, all of them staying alive."""
    made: list[Alive] = []
    running: list[float] = []
    for _ in range(live):
        alive, times = machines.cloned(saved)
        made.append(alive)
        running.append(times["running"])
    group = max(1, live // 8)  # one clone's time alone says little
    for alive in made:
        machines.ended(alive)
    first, last = running[:group], running[-group:]
    done = measured(
        f"instant: {kind}, to running while others live",
        {f"clones 1 to {group}": first, f"clones {live - group + 1} to {live}": last},
    )
    ratio = median(last) / median(first)
    return replace(
        done, reaches=[Reach(f"{kind}: clone {live} / clone 1, to running", ratio, 1.5, at_least=False)]
    )
