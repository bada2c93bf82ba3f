"""A cold boot to ready: by a kernel handed over from outside, and by firmware that finds its own."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.harness import Case, Comparison, Options, compare
from bench.machines import Bed, bed
from hosts.drivers.build import GuestKind
from hosts.drivers.errors import DriverError
from hosts.drivers.firmware import uefi
from hosts.drivers.records import Boot, BootKind

ROUNDS = 3


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    kinds: list[GuestKind] = ["tiny", "debian"] if options.debian else ["tiny"]
    for kind in kinds:
        place = folder / kind
        place.mkdir()
        with bed(place, kind) as machines:
            cases = [
                Case(name, partial(machines.booted, boot), note=partial(str, machines.guest.os))
                for name, boot in ways(machines).items()
            ]
            yield compare(f"boot: {kind}, cold, to ready", cases, rounds=options.rounds or ROUNDS)


def ways(machines: Bed) -> dict[str, Boot]:
    """Every way in which this guest boots on this host."""
    found = {f"by {machines.guest.boot_kind}": machines.boot}
    if machines.guest.boot_kind is not BootKind.BIOS:
        found["by BIOS"] = Boot(BootKind.BIOS)
    try:
        uefi()
    except DriverError:
        return found
    return found | {"by UEFI": Boot(BootKind.UEFI)}
