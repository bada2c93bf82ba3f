"""The pages of a large site and of an empty one, on two served sites in turn.

Pages of one thing need that thing: they are held against a site that has one of each.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.harness import Case, Comparison, Options, Reach, compare
from bench.site import Site, served

ROUNDS = 60
CLONES, BASES, USERS = 10_000, 500, 1_000
MOST = 3.0  # times as long as on the empty site, at the 95th percentile
EMPTY, ONE = "nothing there", "one of each"
FULL = f"{CLONES} clones, {BASES} bases, {USERS} people"
LISTS = {
    "overview": "/",
    "clones": "/clones/",
    "clones, found by name": "/clones/?q=clone-77",
    "clones, by their lease": "/clones/?sort=lease",
    "clones, the last page": "/clones/?page=500",
    "bin": "/clones/_bin/",
    "bases": "/bases/",
    "bases, found by name": "/bases/?q=rows-7",
    "imports": "/bases/_imports/",
    "runs": "/runs/",
    "new run": "/runs/new/",
    "scripts": "/scripts/",
    "runtimes": "/runtimes/",
    "people": "/people/",
    "quotas": "/quotas/",
    "reports": "/reports/",
    "hosts": "/hosts/",
    "findings": "/hosts/findings/",
    "audit": "/audit/",
    "search as one types": "/commands/complete/?command=clone-77",
    "names as one types": "/commands/complete/?command=start%20name%3Dclone-7",
}
DETAILS = {
    "clone": "/clones/clone-0/",
    "clone, sharing": "/clones/clone-0/?tab=sharing",
    "clone, audit": "/clones/clone-0/?tab=audit",
    "base": "/bases/rows-0/",
    "base, dependents": "/bases/rows-0/?tab=dependents",
    "base, revisions": "/bases/rows-0/?tab=revisions",
    "base, tree": "/bases/rows-0/tree/",
    "run": "/runs/1/",
    "team": "/teams/team-0/",
    "person": "/people/person-0/",
}


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    with (
        served(folder / "none") as empty,
        served(folder / "one") as one,
        served(folder / "full") as full,
    ):
        one.done("rows", 1, 1, 1)
        full.done("rows", CLONES, BASES, USERS)
        full.done("looked_over")  # the server finds that their disks are not there: once, and for a minute
        yield from compared(LISTS, (EMPTY, empty), full, options)
        yield from compared(DETAILS, (ONE, one), full, options)


def compared(
    pages: Mapping[str, str], small: tuple[str, Site], full: Site, options: Options
) -> Iterator[Comparison]:
    for name, path in pages.items():
        cases = [
            Case(label, partial(site.get, path), note=partial(weight, site.get, path))
            for label, site in (small, (FULL, full))
        ]
        yield with_reach(name, compare(f"pages: {name}", cases, rounds=options.rounds or ROUNDS))


def with_reach(name: str, done: Comparison) -> Comparison:
    small, full = done.lines
    reach = Reach(f"{name}: large site / {small.name}, p95", full.p95_ms / small.p95_ms, MOST, at_least=False)
    return replace(done, reaches=[reach])


def weight(get: Callable[[str], bytes], path: str) -> str:
    return f"{len(get(path)) / 1024:.0f} KiB"
