"""A disk's content is made anew elsewhere; what it is read from keeps its bytes."""

import hashlib
import subprocess
import threading

import pytest

from hosts.drivers import disk_rebuild, qemu_img
from hosts.drivers.errors import Cancelled, DriverError, Refused
from tests.drivers.driver_support import make_image

pytestmark = pytest.mark.slow


def write(disk, at, size, pattern):
    command = f"write -P {pattern} {at} {size}"
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, str(disk)], check=True, capture_output=True)


def same(one, other):
    done = subprocess.run(
        ["qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", str(one), str(other)], capture_output=True
    )
    return done.returncode == 0


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def chain(driver, tmp_path):
    """base ← one ← two ← three, each with bytes of its own, some of them over those below."""
    base = make_image(tmp_path / "base.qcow2", "64M")
    write(base, "0", "8M", "0x11")
    disks = [base]
    for number, name in enumerate(("one", "two", "three"), 1):
        disk = tmp_path / f"{name}.qcow2"
        driver.disk_create(disk, backing=disks[-1])
        write(disk, f"{number}M", "512k", f"0x{number}a")
        write(disk, f"{20 + number}M", "4k", f"0x{number}b")
        disks.append(disk)
    write(disks[-1], "2M", "64k", "0")
    return disks


def test_a_rebuilt_disk_stands_on_the_base_alone_and_shows_the_same(chain, tmp_path):
    before = [digest(disk) for disk in chain]
    new, percents = tmp_path / "new.qcow2", []
    disk_rebuild.rebuild(chain[-1], new, backing=chain[0], on_percent=percents.append)
    assert qemu_img.chain(new) == (new, chain[0])
    assert same(new, chain[-1])
    assert qemu_img.image_check(new).clean
    assert [digest(disk) for disk in chain] == before
    assert percents[-1] == 100
    assert qemu_img.usage(new).actual_size < 8 << 20  # what the base has is not copied


@pytest.mark.parametrize("size", ["48M", "64M", "96M"])
def test_a_disk_is_moved_to_a_base_of_another_size_and_content(chain, tmp_path, size):
    other, new = make_image(tmp_path / "other.qcow2", size), tmp_path / "new.qcow2"
    write(other, "0", "4M", "0x11")
    write(other, "30M", "1M", "0x77")
    disk_rebuild.rebuild(chain[-1], new, backing=other)
    assert qemu_img.chain(new) == (new, other)
    assert same(new, chain[-1])


def test_a_standalone_image_needs_nothing(chain, tmp_path):
    new = tmp_path / "new.qcow2"
    disk_rebuild.standalone(chain[-1], new)
    assert qemu_img.chain(new) == (new,)
    assert same(new, chain[-1])


def test_what_is_there_is_never_replaced(chain, tmp_path):
    before = digest(chain[1])
    with pytest.raises(Refused, match="exists already"):
        disk_rebuild.rebuild(chain[-1], chain[1], backing=chain[0])
    assert digest(chain[1]) == before
    assert not list(tmp_path.glob(".*"))


def test_a_cancelled_rebuild_leaves_nothing(chain, tmp_path):
    flag = threading.Event()
    flag.set()
    with pytest.raises(Cancelled):
        disk_rebuild.rebuild(chain[-1], tmp_path / "new.qcow2", backing=chain[0], cancel=flag)
    assert not (tmp_path / "new.qcow2").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_snapshot_inside_a_layer_is_taken_out_of_it(chain, tmp_path):
    disk = chain[-1]
    kept = tmp_path / "kept.qcow2"
    disk_rebuild.standalone(disk, kept)
    qemu_img.snapshot_create(disk, "before")
    write(disk, "40M", "1M", "0x99")
    disk.chmod(0o444)
    new = tmp_path / "new.qcow2"
    disk_rebuild.snapshot_extract(disk, "before", new, backing=chain[-2])
    assert same(new, kept)
    assert qemu_img.chain(new)[1] == chain[-2]
    with pytest.raises(DriverError):
        disk_rebuild.snapshot_extract(disk, "never", tmp_path / "no.qcow2", backing=chain[-2])
