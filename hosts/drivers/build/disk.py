"""Making disks without root and without loop devices; the same input gives the same bytes.

Each function writes one file. Times are pinned to `EPOCH`, ids are given, not drawn.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.process import run

MIB = 1024 * 1024
SECTOR = 512
EPOCH = 1735689600  # 2025-01-01
PINNED: Mapping[str, str] = {
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "E2FSPROGS_FAKE_TIME": str(EPOCH),
    "MTOOLS_SKIP_CHECK": "1",
}
COPY_BLOCK = MIB


@dataclass(frozen=True, slots=True)
class Ext4:
    label: str
    uuid: str
    size_mb: int


def ext4_image(image: Path, tree: Path, fs: Ext4, *, owners: Path | None = None) -> None:
    """A file system holding `tree`, all of it root's unless fakeroot's record `owners` says otherwise."""
    sparse_file(image, fs.size_mb * MIB)
    # Inode tables are marked as zeroed: a kernel that zeroes them later would fill every clone's overlay.
    # A small journal keeps overlays small too.
    features = f"hash_seed={fs.uuid},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"
    loaded = ["-i", str(owners)] if owners else []
    make = ["mkfs.ext4", "-q", "-F", "-L", fs.label, "-U", fs.uuid, "-E", features, "-m", "1"]
    make += ["-O", "^metadata_csum", "-J", "size=8", "-d", str(tree), str(image)]
    run(["fakeroot", *loaded, "--", *make], timeout_s=300, env=PINNED)
    _pin_times(image)


def _pin_times(image: Path) -> None:
    """mkfs.ext4 copies the build's own change and access times; set them all to EPOCH."""
    head = run(["dumpe2fs", "-h", str(image)], timeout_s=60).stdout.decode()
    facts = dict(re.findall(r"^([^:\n]+): +(.*)$", head, flags=re.MULTILINE))
    used = int(facts["Inode count"]) - int(facts["Free inodes"])
    numbers = range(1, used + 3)
    commands = [f"sif <{number}> {name} @{EPOCH}" for number in numbers for name in ("ctime", "atime")]
    run(["debugfs", "-w", str(image)], stdin="\n".join(commands).encode() + b"\n", timeout_s=300, env=PINNED)


def fat_image(image: Path, files: Mapping[str, Path], *, label: str, size_mb: int) -> None:
    """A FAT16 file system with these files; folders in their names are made."""
    sparse_file(image, size_mb * MIB)
    run(["mkfs.vfat", "-F", "16", "--invariant", "-n", label, str(image)], timeout_s=60, env=PINNED)
    folders = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    for folder in sorted(folders):
        run(["mmd", "-i", str(image), f"::{folder}"], timeout_s=60, env=PINNED)
    for name, source in files.items():
        os.utime(source, (EPOCH, EPOCH))
        run(["mcopy", "-m", "-i", str(image), str(source), f"::{name}"], timeout_s=60, env=PINNED)


def pin_tree_times(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def partitioned(disk: Path, table: Sequence[str], size_mb: int) -> None:
    """An empty disk with this partition table, in sfdisk's words."""
    sparse_file(disk, size_mb * MIB)
    run(["sfdisk", "-q", str(disk)], stdin=("\n".join(table) + "\n").encode(), timeout_s=60)


def write_at(disk: Path, offset: int, source: Path) -> None:
    """Copies a file into an empty disk; holes and blocks of zeros stay holes."""
    with disk.open("r+b") as target, source.open("rb") as image:
        for start, end in _data_ranges(image.fileno(), source.stat().st_size):
            image.seek(start)
            for position in range(start, end, COPY_BLOCK):
                block = image.read(min(COPY_BLOCK, end - position))
                if block.count(0) != len(block):
                    target.seek(offset + position)
                    target.write(block)


def _data_ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file has data."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:
            return  # nothing but a hole up to the end
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def write_bytes(disk: Path, offset: int, data: bytes) -> None:
    with disk.open("r+b") as target:
        target.seek(offset)
        target.write(data)


def qcow2(disk: Path, target: Path, *, compressed: bool) -> None:
    """The disk as a qcow2 without a backing file."""
    options = ["-c", "-o", "compression_type=zstd"] if compressed else []
    run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, str(disk), str(target)], timeout_s=300)


def sparse_file(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)
