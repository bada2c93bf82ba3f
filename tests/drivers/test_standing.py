"""What a disk of ours stands on is read by us; whatever stands in its header, QEMU reads no more than we allow."""

import json
import random
import struct
import subprocess

import pytest

from hosts.drivers.errors import Altered, DriverError, NotFound, Refused
from hosts.drivers.qcow2_overlay import overlay_write
from hosts.drivers.qemu_img import overlay_create
from hosts.drivers.standing import backing_of, below, stands_on
from tests.drivers.driver_support import make_image

HEAD = 200
NODE = {"driver": "qcow2", "backing": None}


@pytest.fixture
def chain(tmp_path):
    base, disk = make_image(tmp_path / "base.qcow2"), tmp_path / "disk.qcow2"
    overlay_write(disk, backing=base, virtual_size=16 << 20)
    return disk, base


def as_qemu_reads(disk):
    """The name and format of what is below, or None where QEMU takes the file for none."""
    node = "json:" + json.dumps({**NODE, "file": {"driver": "file", "filename": str(disk)}})
    done = subprocess.run(["qemu-img", "info", "--output=json", node], capture_output=True, text=True)
    if done.returncode:
        return None
    facts = json.loads(done.stdout)
    data = facts["format-specific"]["data"]
    return facts.get("backing-filename"), facts.get("backing-filename-format"), data.get("data-file")


@pytest.mark.parametrize(
    "make",
    [overlay_create, lambda disk, backing: overlay_write(disk, backing=backing, virtual_size=16 << 20)],
)
def test_a_layer_of_ours_stands_on_what_it_was_made_on(tmp_path, make):
    base, disk = make_image(tmp_path / "base.qcow2"), tmp_path / "disk.qcow2"
    make(disk, backing=base)
    assert (backing_of(disk), list(below(disk))) == (base, [base])
    stands_on(disk, [base])
    for other in ([], [disk], [base, base]):
        with pytest.raises(Altered):
            stands_on(disk, other)


@pytest.mark.slow
def test_whatever_is_written_into_its_header_qemu_reads_the_same_or_we_refuse(chain):
    """Seeded. What passes names the base, as qcow2, and no data file, for QEMU as well."""
    disk, base = chain
    sound, seeds, passed = disk.read_bytes(), random.Random(8), 0
    for _ in range(250):
        image = bytearray(sound)
        for _ in range(seeds.randint(1, 3)):
            word = seeds.choice((0, 1, 2, 3, 4, 5, 104, 112, 0x44415441, 0xE2792ACA, seeds.getrandbits(32)))
            struct.pack_into(">I", image, seeds.randrange(0, HEAD, 4), word)
        disk.write_bytes(image)
        try:
            stands_on(disk, [base])
        except DriverError:
            continue
        passed += 1
        assert as_qemu_reads(disk) in (None, (str(base), "qcow2", None))
    assert passed > 10


@pytest.mark.parametrize("kind", ["nothing", "symlink", "folder", "short", "raw"])
def test_what_is_no_disk_is_refused(tmp_path, chain, kind):
    place = tmp_path / "other.qcow2"
    if kind == "symlink":
        place.symlink_to(chain[0])
    elif kind == "folder":
        place.mkdir()
    elif kind != "nothing":
        place.write_bytes(b"QFI\xfb" if kind == "short" else bytes(4096))
    with pytest.raises(NotFound if kind == "nothing" else Refused):
        backing_of(place)


def test_a_chain_that_goes_in_a_circle_comes_to_an_end(tmp_path):
    one, two = tmp_path / "one.qcow2", tmp_path / "two.qcow2"
    make_image(two)
    overlay_write(one, backing=two, virtual_size=16 << 20)
    two.unlink()
    overlay_write(two, backing=one, virtual_size=16 << 20)
    with pytest.raises(Refused, match="more files"):
        list(below(one))
