"""The audit page over a long record and a short one, filtered, on two served sites in turn; beside it, what
a scan of the whole table for the same filter takes.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from bench.harness import Case, Comparison, Options, Reach, compare, measured
from bench.site import Site, served

ROUNDS = 12
SHORT, LONG, TINY = 10_000, 1_000_000, 100_000
MOST_MS, MOST_RATIO = 200.0, 2.0
FILTERS = {
    "newest": "",
    "who": "?actor=user-3",
    "what, rare": "?action=promote",
    "through": "?via=api",
    "on one": "?target=clone:web-77",
    "on, by a part": "?target=web-77",
    "on, by a part of nearly all": "?target=web",
    "failed": "?outcome=failed",
    "under way": "?outcome=open",
    "under way, from a day": "?outcome=open&since=2026-01-05",
    "one day": "?since=2026-01-05&until=2026-01-05",
    "to a day, done": "?until=2026-01-05&outcome=done",
    "from a day, failed": "?since=2026-01-05&outcome=failed",
    "who and what": "?actor=user-3&action=stop",
    "who never did what": "?actor=user-3&action=promote",
    "what never ended so": "?action=promote&outcome=failed",
    "what and through": "?action=promote&via=web",
    "who never ended so": "?actor=user-3&outcome=done",
    "what, on, by a part": "?action=stop&target=web-77",
    "all at once": "?since=2026-01-05&actor=user-3&action=stop&target=web&outcome=done&via=api",
    "further back": "?action=promote&via=web&before={middle}",
}


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    longest = LONG if options.debian else TINY
    rounds = options.rounds or ROUNDS
    with served(folder / "short") as short, served(folder / "long") as long:
        short.done("audit_rows", SHORT)
        long.done("audit_rows", longest)
        yield verified(long)  # the server would do it while its pages are measured
        for name, query in FILTERS.items():
            yield paged(name, short, long, longest, f"/audit/{query}", rounds)
        yield scanned(long, rounds)


def paged(name: str, short: Site, long: Site, longest: int, path: str, rounds: int) -> Comparison:
    few, many = f"{SHORT:,} entries", f"{longest:,} entries"
    cases = [
        Case(few, partial(short.get, path.format(middle=SHORT // 2))),
        Case(many, partial(long.get, path.format(middle=longest // 2))),
    ]
    done = compare(f"audit: {name}", cases, rounds=rounds)
    reaches = (
        Reach(f"audit page ({name})", done.p50_ms(many), MOST_MS, at_least=False, unit="ms"),
        Reach(
            f"audit page ({name}), long against short",
            done.p50_ms(many) / done.p50_ms(few),
            MOST_RATIO,
            at_least=False,
        ),
    )
    return Comparison(done.title, done.lines, reaches)


def scanned(long: Site, rounds: int) -> Comparison:
    """The same question put to the table without an index and with one, in one process."""
    times: dict[str, list[float]] = long.done("audit_scan", rounds)
    done = measured("audit: one filter, in the database", times)
    scan, page = (median(times[name]) for name in ("scan of the table", "page by index"))
    return Comparison(done.title, done.lines, (Reach("page by index against a scan", scan / page, 1.0),))


def verified(long: Site) -> Comparison:
    found = long.done("audit_verified")
    return measured(
        "audit: the whole chain verified",
        {"all records": [found["ms"]]},
        {"all records": f"{found['records']:,} records, {found['wrong'] or 'whole'}"},
    )
