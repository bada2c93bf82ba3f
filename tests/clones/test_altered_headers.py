"""A QEMU that was taken over writes what it likes into its own disk's header; what is outside of its
confinement never follows it."""

import struct
import subprocess

import pytest

from audit.models import AuditEntry
from bases.models import BaseImage
from bases.services import Facts, Source, base_register
from clones.branching import set_aside
from clones.chains import clone_flatten, clone_promote, clone_rebase
from clones.models import Clone, DiskTask, Layer
from clones.services import clone_remove, clone_start
from clones.snapshots import snapshot_create, snapshot_restore
from clones.survey import site_surveyed
from cowweb.errors import DomainError
from hosts.drivers.errors import Altered, DriverError
from hosts.drivers.qemu_img import overlay_create
from hosts.jobs import work
from hosts.models import Finding
from tests.clones.conftest import fresh, image, shows, write
from tests.clones.test_chains import deep, newer  # noqa: F401 - fixtures

pytestmark = pytest.mark.slow
SECRET = b"the secret of another team, or of the host"


def header_words(disk, at, form):
    with disk.open("rb") as file:
        file.seek(at)
        return struct.unpack(form, file.read(struct.calcsize(form)))


def put(disk, at, data):
    mode = disk.stat().st_mode
    disk.chmod(0o600)
    with disk.open("r+b") as file:
        file.seek(at)
        file.write(data)
    disk.chmod(mode)


def names(disk, name, *, kind=b"qcow2"):
    """As `qemu-img rebase -u` would, with any name at all."""
    extension = struct.pack(">II", 0xE2792ACA, len(kind)) + kind.ljust(8, b"\0") + bytes(8)
    put(disk, 112, (extension + name).ljust(1500, b"\0"))
    put(disk, 8, struct.pack(">QI", 112 + len(extension), len(name)))


def data_file(disk, name):
    """The disk's bytes are another file's, as they lie there."""
    (features,) = header_words(disk, 72, ">Q")
    put(disk, 72, struct.pack(">Q", features | 4))
    put(disk, 88, struct.pack(">Q", 2))
    at, size = header_words(disk, 8, ">QI")
    old = disk.read_bytes()[at : at + size]
    extensions = struct.pack(">II", 0xE2792ACA, 5) + b"qcow2\0\0\0"
    extensions += struct.pack(">II", 0x44415441, len(name)) + name + bytes(-len(name) % 8) + bytes(8)
    put(disk, 112, extensions + old)
    put(disk, 8, struct.pack(">Q", 112 + len(extensions)))


@pytest.fixture
def secret(site, actor, tmp_path):
    """An image of the store that others have, and a file of the host."""
    disk = image(site.COWWEB_IMPORT_FOLDERS[0] / "secret.qcow2")
    write(disk, "0", "4M", "0x5e")
    base = base_register(name="secret", source=Source(disk), facts=Facts(memory_mb=64, cpus=1), actor=actor)
    (tmp_path / "shadow").write_bytes(SECRET.ljust(1 << 20))
    return base.current.disk


ALTERED = {
    "another image of the store": lambda disk, secret, host: names(disk, bytes(secret)),
    "a file of the host, as raw": lambda disk, secret, host: names(disk, bytes(host), kind=b"raw"),
    "its own base, as raw": lambda disk, secret, host: put(
        disk, disk.read_bytes().index(b"qcow2\0\0\0"), b"raw\0\0\0\0\0"
    ),
    "a data file": lambda disk, secret, host: data_file(disk, bytes(host)),
    "a block device elsewhere": lambda disk, secret, host: names(disk, b"nbd://127.0.0.1:9/x", kind=b"raw"),
    "options": lambda disk, secret, host: names(disk, b'json:{"driver":"null-co"}'),
    "nothing": lambda disk, secret, host: put(disk, 8, bytes(12)),
}


@pytest.fixture(params=ALTERED)
def altered(request, made, secret, tmp_path):
    web = made("web")
    ALTERED[request.param](web.disk, secret, tmp_path / "shadow")
    return fresh(web)


def is_noted(name="web"):
    finding = Finding.objects.get(kind="clone", subject=f"clone:{name}")
    assert finding.state == "waiting" and finding.choices == ["remove", "leave"]
    return finding


def test_nothing_opens_a_disk_whose_header_was_written_anew(altered, made, actor, site):
    """Start, snapshot, clone, flatten, promote: each refused, with one finding, and no bytes of the other."""
    web, before = altered, altered.disk.read_bytes()
    work(clone_start(clone=web, actor=actor).job.pk)
    assert fresh(web).status == "failed" and "web.qcow2" in fresh(web).failure
    is_noted()
    Clone.objects.filter(pk=web.pk).update(status="stopped")
    web = fresh(web)
    with pytest.raises(DriverError):
        snapshot_create(clone=web, name="now", actor=actor)
    assert made("child", web).status == "failed"
    work(clone_promote(clone=web, name="mine", actor=actor).job.pk)
    assert DiskTask.objects.get().state == "failed"
    assert not BaseImage.objects.filter(name="mine", status="ready").exists()
    assert web.disk.read_bytes() == before and not Layer.objects.exists()
    assert is_noted().count > 1
    assert AuditEntry.objects.filter(action="reconcile", target="clone:web").count() == 1
    work(clone_remove(clone=fresh(web), actor=actor).job.pk)
    assert fresh(web).status == "removed" and site_surveyed() == 0
    assert Finding.objects.get(subject="clone:web").state == "resolved"


@pytest.mark.parametrize("kind", ["flatten", "rebase"])
def test_a_disk_that_names_another_bases_image_gets_none_of_its_bytes(deep, newer, secret, actor, kind):  # noqa: F811
    names(deep.disk, bytes(secret))
    before = deep.disk.read_bytes()
    if kind == "flatten":
        asked = clone_flatten(clone=deep, actor=actor)
    else:
        asked = clone_rebase(clone=deep, to=None, actor=actor)
    work(asked.job.pk)
    assert DiskTask.objects.get().state == "failed" and "secret" not in DiskTask.objects.get().failure
    assert deep.disk.read_bytes() == before and fresh(deep).depth == 3
    is_noted("grandchild")


def test_a_layer_that_names_something_else_is_found_under_every_clone_on_it(deep, secret, actor):  # noqa: F811
    layer = fresh(deep).layer
    names(layer.disk, bytes(secret))
    assert site_surveyed() >= 1
    assert layer.disk.name in is_noted("grandchild").found
    work(clone_start(clone=deep, actor=actor).job.pk)
    assert fresh(deep).status == "failed"


def test_a_snapshot_is_not_taken_out_of_a_layer_that_was_altered(made, secret, actor):
    web = made("web")
    snapshot_create(clone=web, name="before", actor=actor)
    made("child", web)
    names(Layer.objects.get().disk, bytes(secret))
    before = fresh(web).disk.read_bytes()
    with pytest.raises((DriverError, DomainError)):
        snapshot_restore(clone=fresh(web), name="before", actor=actor)
    assert fresh(web).disk.read_bytes() == before


def test_the_look_finds_a_running_one_and_is_content_when_it_is_as_it_was(made, running, secret):
    web = running(made("web"))
    kept = web.disk.read_bytes()
    names(web.disk, bytes(secret))
    assert site_surveyed() == 1
    assert secret.stem in is_noted().found and fresh(web).status == "running"
    put(web.disk, 0, kept[:4096])
    assert site_surveyed() == 0
    assert Finding.objects.get(kind="clone").state == "resolved"


def test_a_running_one_that_names_another_ground_after_a_branch_is_not_believed(made, running, secret):
    """The row never says that a clone stands on what it was not made on."""
    web = running(made("web"))

    def put_above(clone, layer):
        names(clone.folder / f".next-{layer.mark}.qcow2", bytes(secret))
        return Layer.Kept.CRASH

    with pytest.raises(Altered):
        set_aside(web, put_above)
    assert fresh(web).revision.base.name == "demo"
    is_noted()


def test_a_snapshot_taken_out_of_a_layer_is_in_a_clone_of_the_clone(made, actor):
    web = made("web")
    write(web.disk, "1M", "64k", "0x31")
    snapshot_create(clone=web, name="before", actor=actor)
    made("child", web)
    web = snapshot_restore(clone=fresh(web), name="before", actor=actor)
    again = made("again", fresh(web))
    assert shows(again.disk, "1M", "64k", "0x31")


def test_a_layer_that_qemu_img_makes_does_not_open_what_lies_below(tmp_path):
    """An odd size is left to qemu-img; the file below may be a running machine's."""
    below, above = tmp_path / "below.qcow2", tmp_path / "above.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", below, "1M"], check=True)
    put(below, 8, struct.pack(">QI", 4096, 11))
    put(below, 4096, b"/etc/shadow")
    overlay_create(above, backing=below)
    assert header_words(above, 24, ">Q") == (1 << 20,)
