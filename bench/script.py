"""From a guest that is ready to its script's first line: by the site, and over a bare `ssh`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.harness import Comparison, Options, Reach, measured
from bench.site import served

ROUNDS = 15
NAME = "script-starts"
WANTED = {"ssh": 1.5, "agent": 0.3}


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    with served(folder / "site") as site:
        site.done("registered", "tiny")
        site.done("template")  # what is cloned from it has our agent
        site.post("/clones/_create/", base="demo", name=NAME)
        site.done("clone_running", NAME)
        took = site.done("script_starts", NAME, options.rounds or ROUNDS)
    yield compared(took)


def compared(took: dict[str, list[float]]) -> Comparison:
    done = measured("script: tiny, from ready to the first line", took)
    bare = median(took["bare ssh"])
    reaches = [
        Reach(f"script start over {way} / bare ssh", median(took[way]) / bare, bound, at_least=False)
        for way, bound in WANTED.items()
    ]
    return replace(done, reaches=reaches)
