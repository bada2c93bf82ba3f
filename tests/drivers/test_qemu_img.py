"""Images: layers, snapshots and usage, and no file opened or overwritten that should not be."""

import json
import os
import struct
import subprocess

import pytest

from hosts.drivers import qemu_img
from hosts.drivers.errors import DriverError, NotFound, Refused
from tests.drivers.driver_support import make_image

MIB = 1 << 20
ODD = "odd, name:with = signs.qcow2"


@pytest.fixture
def base(tmp_path):
    image = make_image(tmp_path / "base.qcow2")
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -P 7 0 4M", str(image)], check=True)
    return image


@pytest.fixture
def overlay(tmp_path, base):
    disk = tmp_path / ODD
    qemu_img.overlay_create(disk, backing=base)
    return disk


def referring_to(path, target):
    """An image whose header names `target` as its backing file."""
    raw = bytearray(make_image(path).read_bytes())
    name = os.fsencode(target)
    raw[1024 : 1024 + len(name)] = name
    struct.pack_into(">QI", raw, 8, 1024, len(name))
    path.write_bytes(raw)
    return path


def test_an_overlay_names_its_base_and_format_and_takes_little_room(overlay, base):
    info = qemu_img.image_inspect(overlay)
    assert (info.format, info.virtual_size, info.backing_file) == ("qcow2", 16 * MIB, str(base))
    assert qemu_img.chain(overlay) == (overlay, base)
    assert qemu_img.image_check(overlay).clean
    usage = qemu_img.usage(overlay)
    assert usage.virtual_size == 16 * MIB
    assert usage.actual_size == overlay.stat().st_blocks * 512 < MIB


def test_an_existing_name_is_refused_and_its_file_untouched(overlay, base):
    before = overlay.read_bytes()
    with pytest.raises(Refused, match="exists already"):
        qemu_img.overlay_create(overlay, backing=base)
    assert overlay.read_bytes() == before
    assert {path.name for path in overlay.parent.iterdir()} == {ODD, base.name}


def test_a_missing_base_is_named_and_leaves_nothing(tmp_path):
    with pytest.raises(NotFound, match=r"gone\.qcow2"):
        qemu_img.overlay_create(tmp_path / "new.qcow2", backing=tmp_path / "gone.qcow2")
    assert not list(tmp_path.iterdir())


def test_a_base_that_is_no_image_leaves_nothing(tmp_path):
    (tmp_path / "base.qcow2").write_text("not an image")
    with pytest.raises(DriverError, match="qcow2"):
        qemu_img.overlay_create(tmp_path / "new.qcow2", backing=tmp_path / "base.qcow2")
    assert [path.name for path in tmp_path.iterdir()] == ["base.qcow2"]


def test_what_a_strangers_image_refers_to_is_named_but_never_opened(tmp_path):
    trap = tmp_path / "trap"
    os.mkfifo(trap)  # whoever opens it waits for ever
    image = referring_to(tmp_path / "hostile.qcow2", trap)
    assert qemu_img.image_inspect(image).backing_file == str(trap)
    assert qemu_img.image_check(image).clean


def test_an_image_with_its_data_elsewhere_is_refused(tmp_path):
    data = f"data_file={tmp_path}/data"
    image = tmp_path / "split.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", data, str(image), "1M"], check=True)
    for look in (qemu_img.image_inspect, qemu_img.image_check):
        with pytest.raises(Refused, match="another file"):
            look(image)


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"#!/bin/sh\n" * 100])
def test_what_is_no_qcow2_image_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Refused, match="not a qcow2 image"):
        qemu_img.image_inspect(tmp_path / "x")


def test_damage_is_found(overlay):
    with overlay.open("r+b") as file:
        file.seek(65536)  # the refcount table
        file.write(b"\xff" * 64)
    with pytest.raises(DriverError):
        assert not qemu_img.image_check(overlay).clean
        raise DriverError("reported as damage")


def test_snapshots_are_found_by_name_even_when_they_look_like_ids(overlay):
    for name in ("2", "1"):
        qemu_img.snapshot_create(overlay, name)
    with pytest.raises(Refused, match="already"):
        qemu_img.snapshot_create(overlay, "1")
    qemu_img.snapshot_delete(overlay, "1")
    assert qemu_img.image_inspect(overlay).snapshots == ("2",)
    with pytest.raises(NotFound):
        qemu_img.snapshot_restore(overlay, "1")


def test_restoring_brings_back_what_was_written(overlay):
    qemu_img.snapshot_create(overlay, "before")
    node = "json:" + json.dumps({"driver": "qcow2", "file": {"driver": "file", "filename": str(overlay)}})
    subprocess.run(["qemu-io", "-c", "write -q -P 9 0 1M", node], check=True)
    qemu_img.snapshot_restore(overlay, "before")
    done = subprocess.run(["qemu-io", "-c", "read -P 7 0 1M", node], capture_output=True, check=True)
    assert b"Pattern verification failed" not in done.stdout


def test_converting_leaves_an_image_that_stands_alone(overlay, base, tmp_path):
    flat = tmp_path / "flat.qcow2"
    qemu_img.convert(overlay, flat, compress=True)
    assert qemu_img.chain(flat) == (flat,)
    done = subprocess.run(["qemu-img", "compare", str(flat), str(base)], capture_output=True)
    assert done.returncode == 0, done.stdout
    with pytest.raises(Refused):
        qemu_img.convert(overlay, flat)
