"""From the clone form's POST to `running` in an open page, against the driver's own time for the same clones,
as their pages show it: the disk, resuming the spare, and its identity.

Beside it the driver by itself, with nothing else at work. Both from spares of the same template, in turn; the
page is a socket of the served site's clone list.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench.harness import Comparison, Options, Reach, measured
from bench.listening import listening
from bench.machines import Saved, cache_folder, machines_in, said, stored
from bench.site import Site, served
from hosts.drivers.build import GuestKind, build_guest

ROUNDS = 10
BESIDE = "lib"  # of what machines see of a site's folder, what the site itself does not look through
PUSHED_S = 120.0
PUSHED, SHOWN, ALONE = "POST to running, pushed", "the driver, in the same clones", "the driver by itself"
PHASES = ("disk", "start", "identity")


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    rounds = options.rounds or ROUNDS
    kind: GuestKind = "debian" if options.debian else "tiny"
    with served(folder / "site") as site:
        site.done("registered", kind)
        saved = Saved(**{name: Path(path) for name, path in site.done("template").items()})
        site.done("spares", rounds + 1)  # the first is not counted
        yield compared(kind, *in_turn(site, saved, kind, rounds))


def in_turn(
    site: Site, saved: Saved, kind: GuestKind, rounds: int
) -> tuple[dict[str, list[float]], list[str]]:
    """Samples of the driver's own way and the site's, and by which way the site's clones came."""
    guest = stored(build_guest(kind, cache=cache_folder(), progress=said), site.data / BESIDE / "guest")
    with machines_in(site.data, f"{BESIDE}/machines", guest, saved.memory.parent) as machines:
        samples: dict[str, list[float]] = {SHOWN: [], PUSHED: [], ALONE: []}
        ways: list[str] = []
        for number in range(rounds + 1):
            alive, times = machines.taken(machines.spare(saved))
            machines.ended(alive)
            running, name = asyncio.run(pushed_ms(site))
            made = site.done("clone_of", name)
            ways.append(made["way"] + (f" ({made['reason']})" if made["reason"] else ""))
            site.post(f"/clones/{name}/remove/")
            if number:
                samples[ALONE].append(times["identity"])
                samples[PUSHED].append(running)
                samples[SHOWN].append(sum(made["timed"][phase] for phase in PHASES))
        return samples, ways


def compared(kind: str, samples: dict[str, list[float]], ways: list[str]) -> Comparison:
    done = measured(
        f"served: {kind}, a clone from a spare as a browser sees it",
        samples,
        {PUSHED: ", ".join(f"{ways.count(way)} x {way}" for way in dict.fromkeys(ways))},
    )
    ratio = median(samples[PUSHED]) / median(samples[SHOWN])
    reach = Reach("POST to running pushed / the driver's own time, from a spare", ratio, 5, at_least=False)
    return replace(done, reaches=[reach])


async def pushed_ms(site: Site) -> tuple[float, str]:
    """Milliseconds from the POST until the page showed the clone running, and its name."""
    name = f"web-{uuid4().hex[:8]}"
    async with listening(site, "/ws/clones/") as messages:
        await anext(messages)  # the list as it was
        await asyncio.sleep(0.3)
        start = time.monotonic_ns()
        posted = asyncio.create_task(asyncio.to_thread(site.post, "/clones/_create/", base="demo", name=name))
        shown = await asyncio.wait_for(shown_running(messages, name), PUSHED_S)
        await posted
    return (shown - start) / 1e6, name


async def shown_running(messages: AsyncIterator[tuple[int, bytes]], name: str) -> int:
    """When the clone's row first said that it runs."""
    async for when, html in messages:
        row = re.search(rf'<tr id="clone-\d+"(?:(?!</tr>).)*?>{name}<.*?</tr>', html.decode(), re.DOTALL)
        if row is None:
            continue
        if "127.0.0.1:" in row[0]:  # the address is there for who runs
            return when
        if "Failed" in row[0]:
            raise AssertionError(f"{name} failed")
    raise AssertionError("the socket was closed")
