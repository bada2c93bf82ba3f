"""The pages of a large site and of an empty one, on two served sites in turn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.harness import Case, Comparison, Options, Reach, compare
from bench.site import served

ROUNDS = 20
CLONES, BASES, USERS = 10_000, 500, 1_000
MOST = 3.0  # times as long as on the empty site, at the 95th percentile
EMPTY, FULL = "nothing there", f"{CLONES} clones, {BASES} bases, {USERS} people"
PAGES = {
    "overview": "/",
    "clones": "/clones/",
    "clones, found by name": "/clones/?q=clone-77",
    "clones, the last page": "/clones/?page=200",
    "bases": "/bases/",
    "runs": "/runs/",
    "people": "/people/",
    "audit": "/audit/",
    "search as one types": "/commands/complete/?command=clone-77",
}


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    with served(folder / "none") as empty, served(folder / "full") as full:
        empty.done("rows", 0, 0, 0)
        full.done("rows", CLONES, BASES, USERS)
        for name, path in PAGES.items():
            cases = [
                Case(EMPTY, partial(empty.get, path), note=partial(weight, empty.get, path)),
                Case(FULL, partial(full.get, path), note=partial(weight, full.get, path)),
            ]
            yield with_reach(name, compare(f"pages: {name}", cases, rounds=options.rounds or ROUNDS))


def with_reach(name: str, done: Comparison) -> Comparison:
    empty, full = done.lines
    reach = Reach(f"{name}: large site / empty site, p95", full.p95_ms / empty.p95_ms, MOST, at_least=False)
    return replace(done, reaches=[reach])


def weight(get: Callable[[str], bytes], path: str) -> str:
    return f"{len(get(path)) / 1024:.0f} KiB"
