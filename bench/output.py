"""A run's lines, from the recorder through the server to many sockets: all of them, soon, in order."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.harness import Comparison, Line, Options, Reach, percentile
from bench.listening import listening
from bench.site import Site, served

RATE = 4000
SECONDS = 4
FLAT_OUT_LINES, ALONE_LINES = 40_000, 400
SOCKETS = (1, 10, 100)
DONE_S = 300.0
BULK_LINES, BULK_FILLING = 100_000, 980  # with its moment, a line is 1 kB
FLAT_MB = 40

Messages = AsyncIterator[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Feed:
    """What is printed: lines, lines a second (0: flat out), each in a chunk of its own or not."""

    lines: int
    rate: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What all the sockets got."""

    lines: list[int]  # by socket
    late_ms: list[float]  # of each distinct frame's lines, at each socket's reception
    seconds: float
    frames: int


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    most = options.sockets or max(SOCKETS)
    with served(folder / "site") as site:
        heard_by(site, Feed(RATE // 2, RATE), 1)  # not counted
        yield from paced(site, most)
        yield batched(site)
        yield flat(site)


def paced(site: Site, most: int) -> Iterator[Comparison]:
    wanted = Feed(RATE * SECONDS, RATE)
    found = {sockets: heard_by(site, wanted, sockets) for sockets in SOCKETS if sockets <= most}
    lines = [line_of(f"{sockets} sockets", heard, wanted) for sockets, heard in found.items()]
    heard = found[max(found)]
    what = f"{RATE} lines/s to {max(found)} sockets"
    reaches = [
        Reach(f"{what}: delivered", 100 * share(heard, wanted), 100, unit="%"),
        Reach(f"{what}: p99", percentile(heard.late_ms, 99), 150, at_least=False, unit="ms"),
    ]
    yield Comparison(f"output: {RATE} lines/s, each line's time from print to socket", lines, reaches)


def batched(site: Site) -> Comparison:
    """As fast as it goes, in chunks and line by line, one after the other and again."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    lines = []
    for alone in (False, True, False, True):
        wanted = Feed(ALONE_LINES if alone else FLAT_OUT_LINES, alone=alone)
        heard = heard_by(site, wanted, 1)
        rates[alone].append(wanted.lines / heard.seconds)
        lines.append(line_of("line by line" if alone else "in chunks", heard, wanted))
    ratio = max(rates[False]) / max(rates[True])
    reach = Reach("lines in chunks / line by line, to one socket", ratio, 20)
    return Comparison("output: as fast as it goes", lines, [reach])


def flat(site: Site) -> Comparison:
    """What 100 MB of output, watched, searched and downloaded, adds to the server's memory at its highest."""
    heard_by(site, Feed(FLAT_OUT_LINES), 1)  # what the server takes once is not the output's
    before = resident_mb(site.pid)
    script = json.dumps({"lines": BULK_LINES, "rate": 0, "alone": False, "filling": BULK_FILLING})
    run_id = site.done("run_of", script)
    peaks = asyncio.run(watched_peaks(site, run_id))
    reach = Reach(
        "server memory added by 100 MB of output",
        max(peaks.values()) - before,
        FLAT_MB,
        at_least=False,
        unit="MB",
    )
    words = ", ".join(f"{name} {peak - before:+.1f} MB" for name, peak in peaks.items())
    return Comparison(f"output: 100 MB of it, over {before:.0f} MB before; {words}", [], [reach])


async def watched_peaks(site: Site, run_id: int) -> dict[str, float]:
    """The server's highest memory while it takes the output, is searched, and hands it out."""
    async with listening(site, f"/ws/runs/{run_id}/log/?after=0") as messages:
        await asyncio.sleep(1.0)
        await asyncio.to_thread(site.done, "fed", run_id)
        peaks = {"taking and sending": await peak_while(site.pid, drained(messages))}
    for name, path in {
        "searching": "search/?q=nowhere",
        "a stretch": "lines/?from=90000",
        "text": "output.txt",
    }.items():
        asked = asyncio.to_thread(site.get, f"/runs/{run_id}/{path}")
        peaks[name] = await peak_while(site.pid, asked)
    return peaks


async def drained(messages: Messages) -> None:
    async for _, raw in messages:
        if raw.endswith(b'"done":true}'):
            return


async def peak_while(pid: int, work: Coroutine[None, None, object]) -> float:
    task, peak = asyncio.create_task(work), 0.0
    while not task.done():
        peak = max(peak, resident_mb(pid))
        await asyncio.wait([task], timeout=0.05)
    await task
    return peak


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def line_of(name: str, heard: Heard, wanted: Feed) -> Line:
    late = heard.late_ms
    note = (
        f"p99 {percentile(late, 99):.1f} ms, {100 * share(heard, wanted):.4g}% delivered,"
        f" {sum(heard.lines) / len(heard.lines) / heard.seconds:,.0f} lines/s to each, {heard.frames} frames"
    )
    return Line(name, len(late), percentile(late, 50), percentile(late, 95), min(late), 1.0, note)


def share(heard: Heard, wanted: Feed) -> float:
    """Of the lines that were printed, how many the socket got that got the fewest."""
    return min(heard.lines) / wanted.lines


def heard_by(site: Site, feed: Feed, sockets: int) -> Heard:
    script = json.dumps({"lines": feed.lines, "rate": feed.rate, "alone": feed.alone})
    run_id = site.done("run_of", script)
    heard = asyncio.run(listened(site, run_id, sockets))
    kept = site.done("kept", run_id)
    if kept["lines"] != feed.lines:
        raise AssertionError(f"{kept['lines']} of {feed.lines} lines were kept")
    return heard


async def listened(site: Site, run_id: int, sockets: int) -> Heard:
    frames: dict[bytes, bytes] = {}  # the sockets get the same bytes, mostly: kept once
    async with AsyncExitStack() as stack:
        path = f"/ws/runs/{run_id}/log/?after=0"
        readers = [await stack.enter_async_context(listening(site, path)) for _ in range(sockets)]
        tasks = [asyncio.create_task(all_of(reader, frames)) for reader in readers]
        await asyncio.sleep(1.0)
        await asyncio.to_thread(site.done, "fed", run_id)
        got = await asyncio.wait_for(asyncio.gather(*tasks), DONE_S)
    return digested(got)


async def all_of(messages: Messages, frames: dict[bytes, bytes]) -> list[tuple[int, bytes]]:
    """Every frame of one socket, until the run has ended."""
    got = []
    async for when, raw in messages:
        got.append((when, frames.setdefault(raw, raw)))
        if raw.endswith(b'"done":true}'):
            return got
    raise AssertionError("the socket was closed before the run ended")


def digested(got: list[list[tuple[int, bytes]]]) -> Heard:
    """Checks the order of every socket's lines, and says how late they were."""
    parsed = {raw: json.loads(raw) for socket in got for _, raw in socket}
    printed = {
        raw: [int(text.split(" ", 1)[0]) for _, _, text in frame["lines"]] for raw, frame in parsed.items()
    }
    counts, late = [], []
    for socket in got:
        cursor = 0
        for when, raw in socket:
            if parsed[raw]["from"] != cursor + 1:
                raise AssertionError(f"line {parsed[raw]['from']} came after line {cursor}")
            cursor += len(printed[raw])
            late += [(when - at) / 1e6 for at in printed[raw]]
        counts.append(cursor)
    moments = [at for each in printed.values() for at in each]
    ended = max(when for socket in got for when, raw in socket if printed[raw])
    return Heard(counts, late, (ended - min(moments)) / 1e9, sum(map(len, got)) // len(got))
