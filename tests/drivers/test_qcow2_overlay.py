"""Our own empty layers are as good as qemu-img's, at every size."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from hosts.drivers.errors import Refused
from hosts.drivers.qcow2_overlay import overlay_write

pytestmark = pytest.mark.slow

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
ODD_NAMES = [
    "plain",
    "with space",
    "ümläut",
    "colon:name",
    "json:{}",
    "comma,name",
    "-dash",
    "nbd:x:1",
    "%s%n",
]


def img(*arguments: str) -> str:
    done = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def base_of(folder: Path, size: int, name: str = "base") -> Path:
    path = folder / f"{name}.qcow2"
    img("create", "-q", "-f", "qcow2", str(path.absolute()), str(size))
    return path


def node(path: Path) -> str:
    return "json:" + json.dumps({"driver": "qcow2", "file": {"driver": "file", "filename": str(path)}})


@pytest.mark.parametrize("size", [MIB, 10 * MIB + 512, GIB, 100 * GIB, TIB, TIB + 512, 8 * TIB])
def test_every_size_is_sound_and_shows_the_base(tmp_path, size):
    base = base_of(tmp_path, size)
    disk = tmp_path / "clone.qcow2"
    overlay_write(disk, backing=base, virtual_size=size)
    assert "No errors" in img("check", str(disk))
    layers = json.loads(img("info", "--backing-chain", "--output=json", str(disk)))
    assert [layer["filename"] for layer in layers] == [str(disk), str(base)]
    assert layers[0]["virtual-size"] == size
    assert disk.stat().st_blocks * 512 <= 16 * 1024


@pytest.mark.parametrize("bits", [14, 16, 17, 19, 21])
def test_writes_and_reads_go_through_every_cluster_size(tmp_path, bits):
    base = base_of(tmp_path, 256 * MIB)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 8M", str(base)], check=True)
    disk = tmp_path / "clone.qcow2"
    overlay_write(disk, backing=base, virtual_size=256 * MIB, cluster_bits=bits)
    img("compare", "-q", str(base), str(disk))
    commands = ["read -P 0x5a 0 8M", "write -P 0x11 4k 4k", "read -P 0x11 4k 4k", "read -P 0x5a 8k 1M"]
    subprocess.run(
        ["qemu-io", "-f", "qcow2", *(part for c in commands for part in ("-c", c)), str(disk)], check=True
    )
    assert "No errors" in img("check", str(disk))


def test_chains_of_twenty_layers_are_sound(tmp_path):
    below = base_of(tmp_path, GIB)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x77 700M 1M", str(below)], check=True)
    for depth in range(20):
        disk = tmp_path / f"layer-{depth}.qcow2"
        overlay_write(disk, backing=below, virtual_size=GIB)
        below = disk
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "read -P 0x77 700M 1M", str(below)], check=True)
    assert len(json.loads(img("info", "--backing-chain", "--output=json", str(below)))) == 21


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_names(tmp_path, name):
    base = base_of(tmp_path, MIB, name)
    disk = tmp_path / f"{name}-clone.qcow2"
    overlay_write(disk, backing=base, virtual_size=MIB)
    layers = json.loads(img("info", "--backing-chain", "--output=json", node(disk)))
    assert layers[0]["backing-filename"] == str(base)
    assert len(layers) == 2


@settings(max_examples=25)
@given(st.integers(1, 2**34), st.integers(14, 21))
def test_any_size_with_any_cluster_is_sound(sectors, bits):
    with tempfile.TemporaryDirectory() as folder:
        disk, base = Path(folder) / "clone.qcow2", Path(folder) / "base.qcow2"
        size = sectors * 512
        try:
            overlay_write(disk, backing=base, virtual_size=size, cluster_bits=bits)
        except Refused:
            assert size // (1 << (2 * bits - 4)) * 8 > 16 << 20
            return
        found = subprocess.run(["qemu-img", "check", "-q", alone(disk)], capture_output=True, text=True)
        assert found.returncode == 0, found.stderr


def alone(disk: Path) -> str:
    file = {"driver": "file", "filename": str(disk)}
    return "json:" + json.dumps({"driver": "qcow2", "file": file, "backing": None})


def test_a_taken_name_is_refused_and_kept(tmp_path):
    disk = tmp_path / "clone.qcow2"
    disk.write_text("mine")
    with pytest.raises(Refused, match="exists already"):
        overlay_write(disk, backing=base_of(tmp_path, MIB), virtual_size=MIB)
    assert disk.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"clone.qcow2", "base.qcow2"}


@pytest.mark.parametrize("size", [0, 511, 513])
def test_sizes_that_are_no_sectors_are_refused(tmp_path, size):
    with pytest.raises(Refused, match="sectors"):
        overlay_write(tmp_path / "clone.qcow2", backing=tmp_path / "base", virtual_size=size)
    assert list(tmp_path.iterdir()) == []
