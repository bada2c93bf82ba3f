"""Makes sound images, with every option of `qemu-img` that leaves one self-contained file."""

from collections.abc import Iterator
from pathlib import Path

from tests.bases.gate.images import at, created, packed, qemu, written


def sound_images(folder: Path) -> Iterator[Path]:
    """What people really have: every option of `qemu-img` that leaves one self-contained file."""
    for bits in range(9, 22):
        yield written(created(folder / f"c{bits}", "4M", f"cluster_size={1 << bits}"), "write -q 0 1M")
    for size in ("512", "1M", "1G", "40G", "2T", "16T"):
        yield created(folder / f"s{size}", size)
    for order in range(7):
        yield written(created(folder / f"r{order}", "4M", f"refcount_bits={1 << order}"), "write -q 0 1M")
    for kind in ("off", "metadata", "falloc", "full"):
        yield written(created(folder / f"p{kind}", "4M", f"preallocation={kind}"), "write -q 1M 64k")
    for bits in (14, 16, 17, 21):
        options = ("extended_l2=on", f"cluster_size={1 << bits}")
        yield written(created(folder / f"e{bits}", "4M", *options), "write -q 4k 8k", "write -q -z 1M 64k")
    for options in (("compat=0.10",), ("lazy_refcounts=on",), ("compression_type=zstd",), ("nocow=on",)):
        yield written(created(folder / f"o{options[0]}", "4M", *options), "write -q 0 1M", "discard -q 0 64k")
    for size, options in (
        ("1K", "refcount_bits=64"),
        ("100M", "preallocation=metadata"),
        ("8T", "extended_l2=on"),
    ):
        yield created(folder / f"t{size}", size, options)
    yield from worked_on(folder)


def worked_on(folder: Path) -> Iterator[Path]:
    """Images with a past: snapshots, bitmaps, resizing, conversion, compression, leaks."""
    data = written(created(folder / "data"), "write -q -P 5 0 1M")
    for name, options in (("zlib", "compression_type=zlib"), ("zstd", "compression_type=zstd")):
        squeezed = folder / f"compressed-{name}"
        qemu("qemu-img", "convert", "-q", "-c", "-O", "qcow2", "-o", options, data, squeezed)
        yield squeezed
    with_snapshots = written(created(folder / "snapshots"), "write -q 0 1M")
    for number in range(3):
        qemu("qemu-img", "snapshot", "-c", f"s{number}", with_snapshots)
        written(with_snapshots, f"write -q {number}M 64k")
    yield with_snapshots
    yield ends_with_its_list(folder)
    with_bitmap = created(folder / "bitmap")
    qemu("qemu-img", "bitmap", "--add", with_bitmap, "b0")
    yield written(with_bitmap, "write -q 0 1M")
    grown = created(folder / "grown")
    qemu("qemu-img", "resize", "-q", grown, "64G")
    yield written(grown, "write -q 32G 64k")
    flattened = created(folder / "flattened", "4M", f"backing_file={data}", "backing_fmt=qcow2")
    qemu("qemu-img", "rebase", "-q", "-b", "", flattened)
    yield flattened
    yield data
    yield with_image_inside(folder, data)
    yield many_snapshots(folder)


def with_image_inside(folder: Path, inner: Path) -> Path:
    """Its guest sees bytes that are an image, which names a file: nobody reads them as one."""
    inside = folder / "inner.raw"
    copy = bytearray(inner.read_bytes())
    for change in (at(1024, b"/etc/shadow"), packed("backing", 1024), packed("backing_size", 11)):
        change(copy)
    inside.write_bytes(copy)
    outer = folder / "image-inside"
    qemu("qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", inside, outer)
    inside.rename(folder.parent / "inner.raw")
    return outer


def ends_with_its_list(folder: Path) -> Path:
    """Of snapshots: nothing comes after it, not even what would fill its last place up."""
    path = written(created(folder / "ends-with-list", "8M"), "write -q -P 5 0 1M")
    for number in range(5):
        qemu("qemu-img", "snapshot", "-c", f"s{number}", path)
        written(path, f"write -q -P {number + 3} {number * 64}k 64k")
    qemu("qemu-img", "snapshot", "-d", "s2", path)
    assert path.stat().st_size % 8
    return path


def many_snapshots(folder: Path) -> Path:
    """Old and new ones, deleted ones between, bitmaps and data beside."""
    path = created(folder / "many", "64M", "compression_type=zstd", "cluster_size=4096")
    for number in range(8):
        written(path, f"write -q -P {number + 1} {number}M 256k")
        qemu("qemu-img", "snapshot", "-c", f"s{number}", path)
    qemu("qemu-img", "snapshot", "-d", "s3", path)
    qemu("qemu-img", "bitmap", "--add", "--disable", path, "b0")
    qemu("qemu-img", "bitmap", "--add", "-g", "4096", path, "b1")
    return path
