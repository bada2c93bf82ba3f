"""The pages that list things, with a thousand clones and with none, on two served sites in turn."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.harness import Case, Comparison, Options, compare
from bench.site import served

ROUNDS = 12
CLONES = 1000
PAGES = {
    "overview": "/",
    "clones": "/clones/",
    "clones, found by name": "/clones/?q=clone-77",
    "bases": "/bases/",
    "runs": "/runs/",
    "audit": "/audit/",
}


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    with served(folder / "none") as empty, served(folder / "full") as full:
        empty.done("rows", 0)
        full.done("rows", CLONES)
        for name, path in PAGES.items():
            cases = [
                Case("no clones", partial(empty.get, path), note=partial(weight, empty.get, path)),
                Case(f"{CLONES} clones", partial(full.get, path), note=partial(weight, full.get, path)),
            ]
            yield compare(f"pages: {name}", cases, rounds=options.rounds or ROUNDS)


def weight(get: Callable[[str], bytes], path: str) -> str:
    return f"{len(get(path)) / 1024:.0f} KiB"
