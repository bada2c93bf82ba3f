"""What a hostile guest may send as a folder, and what becomes of it."""

import io
import subprocess
import tarfile

import pytest

from hosts.drivers.errors import NotFound, Refused
from hosts.drivers.folders import unpack
from hosts.drivers.records import ExecResult
from hosts.drivers.run_token import new_token
from hosts.drivers.transfer import check_copied, put_folder_script


def archive(*entries) -> io.BytesIO:
    """Each entry: name, type, link target or content."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, kind, rest in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            content = rest if kind == tarfile.REGTYPE else b""
            entry.linkname = "" if kind == tarfile.REGTYPE else rest
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    data.seek(0)
    return data


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out"])
def test_names_that_leave_the_folder_are_refused(target, name):
    with pytest.raises(Refused, match="outside"):
        unpack(archive((name, tarfile.REGTYPE, b"x")), target, limit_bytes=99)
    assert list(target.parent.iterdir()) == [target]


def test_no_file_is_written_through_a_link(target):
    hostile = archive(("way", tarfile.SYMTYPE, ".."), ("way/out", tarfile.REGTYPE, b"x"))
    unpack(hostile, target, limit_bytes=99)
    assert (target / "way" / "out").read_bytes() == b"x"
    assert not (target.parent / "out").exists()


@pytest.mark.parametrize("text", ["/etc/passwd", "../../x", ".."])
def test_links_out_of_the_folder_are_left_out(target, text):
    unpack(archive(("link", tarfile.SYMTYPE, text)), target, limit_bytes=99)
    assert list(target.iterdir()) == []


def test_a_chain_of_links_does_not_lead_out(target):
    chain = archive(
        ("sub", tarfile.DIRTYPE, ""),
        ("sub/up", tarfile.SYMTYPE, "../sub"),
        ("sub/out", tarfile.SYMTYPE, "up/../../.."),
    )
    unpack(chain, target, limit_bytes=99)
    assert [each.name for each in (target / "sub").iterdir()] == ["up"]


def test_hard_links_to_files_of_this_host_are_refused(target):
    with pytest.raises(Refused):
        unpack(archive(("twin", tarfile.LNKTYPE, "/etc/passwd")), target, limit_bytes=99)


def test_devices_are_left_out_and_setuid_is_dropped(target):
    entry = tarfile.TarInfo("tool")
    entry.mode, entry.size = 0o4777, 1
    data = io.BytesIO(entry.tobuf() + b"x".ljust(512, b"\0") + bytes(1024))
    unpack(data, target, limit_bytes=99)
    assert (target / "tool").stat().st_mode & 0o7000 == 0
    unpack(archive(("dev", tarfile.CHRTYPE, "")), target, limit_bytes=99)
    assert not (target / "dev").exists()


def test_too_much_content_is_refused(target):
    with pytest.raises(Refused, match="larger"):
        unpack(archive(("big", tarfile.REGTYPE, b"x" * 100)), target, limit_bytes=99)


def test_a_name_of_absurd_length_is_not_read_into_memory(target):
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    with pytest.raises(Refused, match="absurd"):
        unpack(io.BytesIO(entry.tobuf(tarfile.GNU_FORMAT)), target, limit_bytes=99)


def test_rubbish_is_refused(target):
    with pytest.raises(Refused):
        unpack(io.BytesIO(b"not an archive" * 100), target, limit_bytes=99)


def test_a_place_without_its_folder_is_named(tmp_path):
    remote = f"{tmp_path}/none/site"
    done = subprocess.run(
        ["sh", "-c", put_folder_script(remote, token=new_token())],
        input=b"",
        capture_output=True,
        check=False,
    )
    with pytest.raises(NotFound, match=r"the folder of .*/none/site is not there in the guest"):
        check_copied(ExecResult(done.returncode, done.stdout, done.stderr), remote)
    assert list(tmp_path.iterdir()) == []
