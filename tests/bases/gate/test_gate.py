"""The image gate, against images made to get past it and images that must."""

import hashlib
import os
import random
import re
import socket
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from bases.gate import admit, glance
from bases.models import stored
from bases.store import keep
from cowweb.errors import ConflictError, DomainError, UnsafeImageError
from hosts.drivers.qemu_img import image_check, image_inspect, image_read
from hosts.services import local_driver
from tests.bases.gate.attacks import further
from tests.bases.gate.costly import costly
from tests.bases.gate.images import (
    CLUSTER,
    FIELDS,
    POLYGLOTS,
    changed,
    created,
    hostile,
    packed,
    qemu,
    sound,
    with_snapshot,
    written,
)
from tests.bases.gate.reasons import reason_for
from tests.bases.gate.sound import sound_images, with_image_inside

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


def test_every_hostile_image_is_refused_and_the_refusal_says_why(folder):
    """Field by field, reference by reference, table by table, format by format."""
    canaries = {"CANARY": "/root/canary", "SOCKET": "/run/canary.sock", "FIFO": "/run/canary"}
    path, names, wrong = folder / "hostile", set(), []
    for name, image in [*hostile(canaries), *further(), *costly()]:
        path.write_bytes(image)
        names.add(name)
        said = refusal_of(path)
        if not re.search(reason_for(name), said):
            wrong.append((name, said))
    assert wrong == []
    assert len(names) >= 550


def refusal_of(path) -> str:
    """Empty where it is taken."""
    try:
        admit(path)
    except UnsafeImageError as error:
        return str(error)
    return ""


def test_no_sound_image_is_refused(folder):
    count = 0
    for path in sound_images(folder):
        glance(path)
        assert admit(path).virtual_size > 0
        count += 1
    assert count >= 48


@pytest.mark.parametrize("name", POLYGLOTS)
def test_what_is_two_formats_at_once_is_refused(folder, name):
    path = folder / "both"
    path.write_bytes(changed(name, sound(), POLYGLOTS[name])[1])
    with pytest.raises(UnsafeImageError, match="another format"):
        admit(path)


@hypothesis_settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_whatever_stands_in_the_tables_the_answer_is_yes_or_no_and_comes_soon(folder):
    """Seeded, over every kind of table. What is taken, `qemu-img` finds no damage in."""
    path, seeds, worst = folder / "fuzzed", random.Random(6), 0.0
    for _ in range(100):
        image = bytearray(with_snapshot() if seeds.random() < 0.5 else sound())
        for _ in range(seeds.randint(1, 4)):
            place = seeds.choice((1, 2, 3, 4, len(image) // CLUSTER - 1)) * CLUSTER + seeds.randrange(
                0, 256, 4
            )
            number = seeds.choice(
                (seeds.getrandbits(64), seeds.getrandbits(20) << 9, 1 << seeds.randrange(64))
            )
            struct.pack_into(">Q", image, min(place, len(image) - 8), number)
        path.write_bytes(image)
        began = time.monotonic()
        if accepted(path):
            found = image_check(path)
            assert (found.corruptions, found.errors) == (0, 0)
            image_read(path, 64 << 20)
        worst = max(worst, time.monotonic() - began)
    assert worst < 5


@pytest.mark.parametrize("size", [1 << 36, 1 << 43])
def test_a_file_that_is_mostly_holes_is_refused_before_anyone_reads_it(folder, size):
    path = folder / "bomb"
    path.write_bytes(sound())
    os.truncate(path, size)
    with pytest.raises(UnsafeImageError, match="cannot fill"):
        glance(path)


@pytest.mark.parametrize(("bits", "tables"), [(9, 1 << 20), (12, 1 << 22), (16, 1 << 16)])
def test_a_hole_full_of_tables_is_refused_before_anyone_follows_them(folder, bits, tables):
    """All that is written of it is the list of them."""
    path, cluster = folder / "holes", 1 << bits
    first = 1 << 26
    image = bytearray(created(folder / "small", "4M", f"cluster_size={cluster}").read_bytes())
    packed("size", (cluster // 8) * cluster * tables)(image)
    packed("l1_entries", tables)(image)
    packed("l1", 1 << 25)(image)
    with path.open("wb") as file:
        file.write(image)
        file.seek(1 << 25)
        file.write(struct.pack(f">{tables}Q", *(first + number * cluster for number in range(tables))))
        file.truncate(first + tables * cluster)
    began = time.monotonic()
    with pytest.raises(UnsafeImageError, match="more tables than can be checked in time"):
        admit(path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "name",
    [
        *('json:{"driver":"null-co"}', "nbd:127.0.0.1:9", "fat:rw:x", "-o", "--help", "a,file.locking=off"),
        *("disk image.qcow2", "%s%n", "$(reboot)", "one\ntwo", "\u202eevil", "\x1b[2J", "n" * 255),
    ],
)
def test_a_file_is_the_same_under_any_name(folder, name):
    path = folder / name
    path.write_bytes(sound())
    assert admit(path).virtual_size == 4 << 20
    path.write_bytes(sound()[:100])
    with pytest.raises(UnsafeImageError):
        admit(path)


def test_bytes_inside_that_look_like_an_image_are_only_bytes(folder, tmp_path):
    """The layer on it names its format, so what a guest writes is never read as a header."""
    outer = with_image_inside(folder, written(created(tmp_path / "inner"), "write -q -P 5 0 1M"))
    layer = tmp_path / "layer.qcow2"
    local_driver().disk_create(layer, backing=outer)
    assert local_driver().disk_chain(layer) == (layer, outer)
    qemu("qemu-img", "convert", "-f", "qcow2", "-O", "raw", layer, tmp_path / "seen")
    inner = (folder.parent / "inner.raw").read_bytes()
    assert (tmp_path / "seen").read_bytes()[: len(inner)] == inner


@pytest.mark.parametrize("harm", ["replaced", "grows for ever", "written to"])
def test_a_file_that_changes_under_its_reader_is_not_kept(folder, harm, monkeypatch):
    """What was looked at first is not what is copied: the copy is judged, and a torn copy is none."""
    path = folder / "disk.qcow2"
    path.write_bytes(sound())
    glance(path)
    real = hashlib.sha256()

    class Meddler:
        """Changes the file with each block that is read of it."""

        hexdigest = real.hexdigest

        def update(self, block):
            real.update(block)
            with path.open("r+b") as file:
                file.seek(0, os.SEEK_END if harm == "grows for ever" else os.SEEK_SET)
                file.write(b"x" * (2 << 20) if harm == "grows for ever" else b"QFI")

    if harm == "replaced":
        path.write_bytes(dict(hostile({}))["backing /etc/shadow"])
    else:
        monkeypatch.setattr("bases.store.hashlib.sha256", Meddler)
    with pytest.raises(
        (UnsafeImageError, ConflictError), match=r"backing file|written to while it was copied"
    ):
        keep(path, "qcow2", inspect=admit)
    assert list(stored("x", "qcow2").parent.iterdir()) == []


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
