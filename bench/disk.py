"""A clone's disk: an overlay written directly, durably or not, against `qemu-img create` and a full copy."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

from bench.harness import Case, Comparison, Options, Reach, compare
from hosts.drivers.process import run
from hosts.drivers.qcow2_overlay import overlay_write
from hosts.drivers.qemu_img import chain, image_check, image_inspect, overlay_create

BASE_MB = 64
ROUNDS = {1: 20, 4: 6, 16: 3}  # by how many are asked for at once; each gives that many samples a round
COPY_TIMEOUT_S = 600
QEMU_IMG, DURABLE, QUICK = "overlay by qemu-img", "overlay, durable", "overlay, not durable"

Make = Callable[[Path], object]


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    base = full_base(folder)
    before = digest(base)
    size = image_inspect(base).virtual_size
    written = partial(overlay_write, backing=base, virtual_size=size)
    ways: dict[str, Make] = {
        QEMU_IMG: partial(overlay_create, backing=base),
        DURABLE: written,
        QUICK: partial(written, durable=False),
        "full copy (cp)": partial(full_copy, base),
    }
    for at_once, usual in ROUNDS.items():
        cases = [case(name, make, folder, at_once) for name, make in ways.items()]
        title = f"disk: {at_once} at once of a base with {BASE_MB} MiB of data"
        done = compare(title, cases, rounds=options.rounds or usual)
        yield replace(done, reaches=reaches(done)) if at_once == 1 else done
    yield Comparison("disk: what one layer takes", reaches=[less_allocated(folder, ways)])
    if digest(base) != before:
        raise AssertionError("the base's bytes changed")


def reaches(done: Comparison) -> list[Reach]:
    plain = done.p50_ms(QEMU_IMG)
    return [
        Reach("qemu-img create / our overlay, p50", plain / done.p50_ms(QUICK), 40),
        Reach("qemu-img create / our overlay, durable, p50", plain / done.p50_ms(DURABLE), 10),
    ]


def less_allocated(folder: Path, ways: dict[str, Make]) -> Reach:
    place = folder / "weighed"
    place.mkdir()
    theirs, ours = (allocated(ways[name], place / f"{name}.qcow2") for name in (QEMU_IMG, DURABLE))
    note = f"{theirs // 1024} KiB against {ours // 1024} KiB"
    return Reach("allocated by qemu-img's layer / ours", theirs / ours, 12, note=note)


def allocated(make: Make, disk: Path) -> int:
    make(disk)
    return disk.stat().st_blocks * 512


def full_base(folder: Path) -> Path:
    """A base every byte of which is data."""
    raw, base = folder / "base.raw", folder / "base.qcow2"
    with raw.open("wb") as file:
        for _ in range(BASE_MB):
            file.write(os.urandom(1 << 20))
    run(
        ["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", str(raw), str(base)],
        timeout_s=COPY_TIMEOUT_S,
    )
    raw.unlink()
    return base


def full_copy(base: Path, disk: Path) -> None:
    run(["cp", "--reflink=never", str(base), str(disk)], timeout_s=COPY_TIMEOUT_S)


def case(name: str, make: Make, folder: Path, at_once: int) -> Case:
    place = folder / f"{at_once}-{name.replace(' ', '-')}"
    place.mkdir()
    numbers = count()
    return Case(
        name=name,
        run=lambda: make(place / f"{next(numbers)}.qcow2"),
        after=partial(clear, place),
        note=lambda: proven(make, place),
        at_once=at_once,
    )


def clear(place: Path) -> None:
    for disk in place.iterdir():
        disk.unlink()


def proven(make: Make, place: Path) -> str:
    """Makes one more, checks it, and says what it is and weighs."""
    disk = place / "proof.qcow2"
    make(disk)
    if not image_check(disk).clean:
        raise AssertionError(f"{disk.name} is damaged")
    kib = disk.stat().st_blocks // 2
    layers = len(chain(disk))
    clear(place)
    return f"{kib} KiB each, {layers} layer{'s' if layers > 1 else ''}, check clean"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
