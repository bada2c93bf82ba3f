"""The image gate, against images made to get past it and images that must."""

import os
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from bases.gate import admit, glance
from cowweb.errors import DomainError, UnsafeImageError
from hosts.drivers.qemu_img import image_inspect
from tests.bases.gate.images import (
    FIELDS,
    POLYGLOTS,
    changed,
    created,
    hostile,
    packed,
    sound,
    sound_images,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(site):
    return Path(site.COWWEB_IMPORT_FOLDERS[0])


def accepted(path) -> bool:
    try:
        admit(path)
    except UnsafeImageError as error:
        assert path.name in str(error)
        return False
    return True


def test_no_hostile_image_is_taken(folder):
    """Field by field, reference by reference, table by table."""
    canaries = {"CANARY": "/root/canary", "SOCKET": "/run/canary.sock", "FIFO": "/run/canary"}
    path, taken, count = folder / "hostile", [], 0
    for name, image in hostile(canaries):
        path.write_bytes(image)
        count += 1
        if accepted(path):
            taken.append(name)
    assert taken == []
    assert count >= 300


def test_no_sound_image_is_refused(folder):
    count = 0
    for path in sound_images(folder):
        glance(path)
        assert admit(path).virtual_size > 0
        count += 1
    assert count >= 40


@pytest.mark.parametrize("name", POLYGLOTS)
def test_what_is_two_formats_at_once_is_refused(folder, name):
    path = folder / "both"
    path.write_bytes(changed(name, sound(), POLYGLOTS[name])[1])
    with pytest.raises(UnsafeImageError, match="another format"):
        admit(path)


@hypothesis_settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    fields=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.integers(0, (1 << 64) - 1), max_size=3),
    noise=st.dictionaries(st.integers(0, 600), st.integers(0, 255), max_size=6),
)
def test_whatever_stands_in_the_header_the_answer_is_yes_or_no(folder, fields, noise):
    """And a yes means: alone, of known features, and another program reads it so too."""
    image = bytearray(sound())
    for field, value in fields.items():
        packed(field, value & ((1 << 8 * struct.calcsize(FIELDS[field][1])) - 1))(image)
    for place, byte in noise.items():
        image[place] = byte
    path = folder / "fuzzed"
    path.write_bytes(image)
    if accepted(path):
        assert image[8:20] == bytes(12)
        assert not struct.unpack_from(">Q", image, 72)[0] & ~0b11000
        found = image_inspect(path)
        assert (found.format, found.backing_file, found.data_file) == ("qcow2", None, None)


@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder", "pipe", "socket", "device", "through"])
def test_only_a_regular_file_of_one_name_is_opened(folder, tmp_path, kind):
    image, path = created(tmp_path / "image"), folder / "disk.qcow2"
    if kind == "symlink":
        path.symlink_to(image)
    elif kind == "hard link":
        path.hardlink_to(image)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)  # whoever opens it waits for ever
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.fspath(path))
    elif kind == "device":
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    else:
        (folder / "sub").symlink_to(tmp_path)
        path = folder / "sub" / "image"
    with pytest.raises(UnsafeImageError):
        admit(path)


@pytest.mark.parametrize("name", ["../image", "sub/../../image", "nope", "."])
def test_a_way_out_of_the_folder_is_none(folder, tmp_path, name):
    created(tmp_path / "image")
    with pytest.raises(DomainError):
        glance(folder / name)
