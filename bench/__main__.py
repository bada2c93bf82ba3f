"""`python -m bench [NAME …] [--rounds N] [--tiny] [--json]`: measures where the site's data is."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from bench import audit, boot, branch, disk, gate, instant, output, pages, report, script, served
from bench.harness import Comparison, Options

Benchmark = Callable[[Path, Options], Iterator[Comparison]]
# A benchmark is given an empty folder and what the caller chose.
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "disk": disk.benchmark,
        "gate": gate.benchmark,
        "boot": boot.benchmark,
        "instant": instant.benchmark,
        "branch": branch.benchmark,
        "served": served.benchmark,
        "output": output.benchmark,
        "script": script.benchmark,
        "pages": pages.benchmark,
        "audit": audit.benchmark,
    }
)


def ended(number: int, frame: object) -> None:
    sys.exit(128 + number)  # so that machines and servers are ended too


def main() -> int:
    signal.signal(signal.SIGTERM, ended)
    asked = arguments()
    data = Path(os.environ.get("COWWEB_DATA") or "data").resolve()
    data.mkdir(parents=True, exist_ok=True)
    done = []
    if not asked.json:
        print(report.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=data) as folder:
        for comparison in comparisons(asked.names or list(BENCHMARKS), Path(folder), chosen(asked)):
            done.append(comparison)
            if not asked.json:
                print("\n" + report.table(comparison), flush=True)
    print(report.as_json(done) if asked.json else "\n" + report.closing(done))
    return 0


def chosen(asked: argparse.Namespace) -> Options:
    return Options(asked.rounds, not asked.tiny, asked.live, asked.sockets)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures this machine.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when none is named"
    )
    parser.add_argument("--rounds", type=int, help="instead of each benchmark's own number")
    parser.add_argument("--tiny", action="store_true", help="the tiny guest only, not a whole Debian too")
    parser.add_argument("--live", type=int, default=0, help="clones alive at once, for `instant`")
    parser.add_argument("--sockets", type=int, default=0, help="the most sockets, for `output`")
    parser.add_argument("--json", action="store_true", help="figures for a program")
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return asked


def comparisons(names: list[str], folder: Path, options: Options) -> Iterator[Comparison]:
    for name in names:
        place = folder / name
        place.mkdir()
        yield from BENCHMARKS[name](place, options)


if __name__ == "__main__":
    sys.exit(main())
