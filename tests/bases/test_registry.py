"""Bases are inspected, copied, identified by digest and never changed."""

import hashlib
import subprocess

import pytest

from audit.models import AuditEntry
from bases.imports import brought_in, import_file
from bases.models import BaseImage, BaseRevision
from bases.services import (
    Facts,
    Source,
    base_edit,
    base_mark,
    base_ready,
    base_register,
    base_revise,
    base_verify,
)
from cowweb.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    NameTakenError,
    NotFoundError,
    UnsafeImageError,
)
from hosts.drivers.errors import DriverError


def qcow2(path, size="64M", *options):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, str(path), size], check=True)
    return path


@pytest.fixture
def image(site):
    return qcow2(site.COWWEB_IMPORT_FOLDERS[0] / "disk.qcow2")


@pytest.fixture
def demo(image, actor):
    return base_register(name="demo", source=Source(image), facts=Facts(memory_mb=128), actor=actor)


def test_a_registered_base_is_ready_and_has_the_files_digest(image, demo):
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    assert (demo.status, demo.current.number, demo.current.digest) == ("ready", 1, digest)
    assert demo.current.disk.read_bytes() == image.read_bytes()
    assert demo.current.disk.stat().st_mode & 0o777 == 0o444
    assert demo.current.virtual_size == 64 << 20
    entry = AuditEntry.objects.get(action="register_base")
    assert (entry.target, entry.outcome.result) == ("base:demo", "done")


def test_what_happens_to_the_imported_file_later_does_not_matter(image, demo, actor):
    image.write_bytes(b"something else")
    assert base_verify(base=demo, actor=actor) == []


def hostile(folder, kind):
    path = folder / f"{kind}.qcow2"
    if kind == "raw":
        path.write_bytes(b"\0" * 1024 * 1024)
    elif kind == "text":
        path.write_text("QFI not an image")
    elif kind == "empty":
        path.touch()
    elif kind == "backing":
        qcow2(folder / "below.qcow2")
        qcow2(path, "64M", "-b", str(folder / "below.qcow2"), "-F", "qcow2")
    elif kind == "outside":
        qcow2(path, "64M", "-u", "-b", "/etc/shadow", "-F", "raw")
    elif kind == "data_file":
        qcow2(path, "64M", "-o", f"data_file={folder / 'data.raw'}")
    return path


@pytest.mark.parametrize("kind", ["raw", "text", "empty", "backing", "outside", "data_file"])
def test_what_is_no_self_contained_qcow2_is_refused_and_nothing_is_made(site, actor, kind):
    path = hostile(site.COWWEB_IMPORT_FOLDERS[0], kind)
    with pytest.raises(UnsafeImageError):
        base_register(name="bad", source=Source(path), facts=Facts(), actor=actor)
    assert not BaseImage.objects.exists()
    assert list(site.COWWEB_STORE.iterdir()) == []
    assert AuditEntry.objects.get().outcome.result == "refused"


def test_a_name_is_taken_once(image, demo, actor):
    with pytest.raises(NameTakenError, match="There is a base image demo already"):
        base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)


@pytest.mark.parametrize("name", ["Demo", "a b", "-a", "x" * 64, ""])
def test_a_bad_name_is_refused(image, actor, name):
    with pytest.raises(DomainError, match="is not a name"):
        base_register(name=name, source=Source(image), facts=Facts(), actor=actor)


def test_only_curators_register(image, member_actor):
    with pytest.raises(ForbiddenError):
        base_register(name="demo", source=Source(image), facts=Facts(), actor=member_actor)


def test_a_new_revision_leaves_the_old_one_as_it_is(site, demo, actor):
    other = qcow2(site.COWWEB_IMPORT_FOLDERS[0] / "other.qcow2", "80M")
    revised = base_revise(name="demo", source=Source(other), actor=actor)
    assert revised.current.number == 2
    assert base_ready("demo")[1].number == 2
    assert base_ready("demo@1")[1].digest == demo.current.digest
    with pytest.raises(NotFoundError, match="no revision 3"):
        base_ready("demo@3")


def test_an_altered_file_is_found_and_starts_no_clones(demo, actor):
    disk = demo.current.disk
    disk.chmod(0o644)
    with disk.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert base_verify(base=demo, actor=actor) == [demo.current]
    with pytest.raises(ConflictError, match="no longer matches"):
        base_ready("demo")


def test_deprecated_bases_can_be_cloned_and_taken_back(demo, actor):
    base_mark(base=demo, status="deprecated", actor=actor)
    assert base_ready("demo")[0].status == "deprecated"
    base_mark(base=demo, status="ready", actor=actor)
    with pytest.raises(ConflictError):
        base_mark(base=demo, status="failed", actor=actor)


def test_curators_edit_what_is_said_of_a_base(demo, actor):
    assert base_edit(base=demo, changes={"description": "new"}, actor=actor).description == "new"


def test_an_unknown_base_has_the_contracts_sentence(db):
    with pytest.raises(NotFoundError, match=r"^Base image nope not found$"):
        base_ready("nope")


def test_only_import_folders_exist(site, tmp_path, image):
    assert import_file("disk.qcow2", field="disk") == image
    assert import_file(str(image), field="disk") == image
    outside = tmp_path / "secret"
    outside.write_text("x")
    for text in (str(outside), "/etc/passwd"):
        with pytest.raises(ForbiddenError, match="outside the import folders"):
            import_file(text, field="disk")
    for text in ("../secret", "../../etc/passwd", "nope.qcow2", "."):
        with pytest.raises(DomainError):
            import_file(text, field="disk")
    link = site.COWWEB_IMPORT_FOLDERS[0] / "link"
    link.symlink_to(outside)
    with pytest.raises(DomainError):
        import_file("link", field="disk")


def test_the_shell_brings_its_users_files_in(site, tmp_path):
    mine = tmp_path / "mine.qcow2"
    mine.write_text("x")
    there = import_file(brought_in(mine, field="disk"), field="disk")
    assert (there.name, there.read_text()) == ("mine.qcow2", "x")  # a refusal calls it as its owner does
    assert import_file(brought_in(mine, field="disk"), field="disk") != there


def test_a_failed_import_can_be_registered_again(site, actor, image, settings):
    BaseImage.objects.create(name="demo", status="failed", failure="disk full")
    base = base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    assert (base.status, base.failure) == ("ready", "")
    assert BaseRevision.objects.count() == 1


@pytest.mark.parametrize("fault", ["modified", "replaced", "moved", "deleted"])
def test_a_base_whose_file_changed_starts_no_clones_until_it_is_back(site, demo, fault, tmp_path):
    """The look is cheap: the file is read again only where a look differs."""
    disk, kept = demo.current.disk, tmp_path / "kept"
    content = disk.read_bytes()
    if fault == "modified":
        disk.chmod(0o644)
        with disk.open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"x")
    elif fault == "replaced":
        disk.unlink()
        disk.write_bytes(bytes(len(content)))
    elif fault == "moved":
        disk.rename(kept)
    else:
        disk.unlink()
    with pytest.raises(ConflictError, match="no longer matches"):
        base_ready("demo")
    assert not BaseRevision.objects.get().intact
    disk.unlink(missing_ok=True)
    disk.write_bytes(content)
    assert base_ready("demo")[1].intact


def test_a_damaged_file_of_the_store_is_neither_used_nor_replaced(image, demo, actor):
    demo.current.disk.chmod(0o644)
    demo.current.disk.write_bytes(b"altered")
    with pytest.raises(ConflictError, match="neither used nor replaced"):
        base_register(name="again", source=Source(image), facts=Facts(), actor=actor)
    assert demo.current.disk.read_bytes() == b"altered"


def test_the_gallery_is_cut_into_pages_and_searched(admin, client):
    for number in range(14):
        BaseImage.objects.create(name=f"image-{number:02}", os="Debian" if number == 13 else "")
    client.force_login(admin)
    first = client.get("/bases/").content.decode()
    assert "image-11" in first and "image-12" not in first and "1–12 of 14" in first
    assert "image-13" in client.get("/bases/?page=2").content.decode()
    found = client.get("/bases/?q=debian").content.decode()
    assert "image-13" in found and "image-00" not in found
    assert "No base matches" in client.get("/bases/?q=nothing").content.decode()


def test_a_refusal_of_the_copy_in_the_store_calls_the_image_as_its_owner_does(site, actor, image):
    with image.open("r+b") as file:  # an entry that points where another does
        file.seek(48)
        table = int.from_bytes(file.read(8))
        file.seek(table)
        block = int.from_bytes(file.read(8))
        file.seek(block)
        file.write(bytes(64))
    with pytest.raises(UnsafeImageError) as refused:
        base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    assert str(refused.value).startswith(f"{image.name} ")
    assert BaseImage.objects.get().failure == str(refused.value)


def test_an_image_is_not_blamed_for_a_program_that_this_host_lacks(site, actor, image, monkeypatch):
    monkeypatch.setattr("hosts.drivers.process.shutil.which", lambda name, path=None: None)
    with pytest.raises(DriverError, match="is not installed on this host"):
        base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    assert BaseImage.objects.get().failure == "qemu-img is not installed on this host"
