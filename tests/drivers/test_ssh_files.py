"""Files and folders over SSH: whole or not at all, under any name."""

import pytest

from hosts.drivers.errors import DriverError, NotFound, Refused

NAMES = ["plain", "with space", "-rf", "quo'te\"", "new\nline", "$(touch x)", "ünï", "*", "\\"]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_goes_both_ways(ssh_guest, tmp_path, name):
    source, remote, back = tmp_path / "source", tmp_path / "far" / name, tmp_path / "back"
    (tmp_path / "far").mkdir()
    source.write_bytes(bytes(range(256)) * 5000)
    ssh_guest.put(source, str(remote), mode=0o751)
    assert remote.read_bytes() == source.read_bytes()
    assert remote.stat().st_mode & 0o7777 == 0o751
    ssh_guest.get(str(remote), back)
    assert back.read_bytes() == source.read_bytes()
    assert [each.name for each in (tmp_path / "far").iterdir()] == [name]


def test_a_folder_as_target_takes_the_file_under_its_name(ssh_guest, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "a.txt").write_text("a")
    ssh_guest.put(tmp_path / "a.txt", str(tmp_path / "far"))
    assert (tmp_path / "far" / "a.txt").read_text() == "a"


def test_a_copy_that_breaks_off_changes_nothing(ssh_guest, tmp_path):
    source, remote = tmp_path / "source", tmp_path / "remote"
    source.write_bytes(b"n" * 1_000_000)
    remote.write_text("old")

    def stop(total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ssh_guest.put(source, str(remote), progress=stop)
    assert remote.read_text() == "old"


def test_progress_counts_every_byte(ssh_guest, tmp_path):
    seen: list[int] = []
    (tmp_path / "source").write_bytes(b"n" * 1_000_000)
    ssh_guest.put(tmp_path / "source", str(tmp_path / "remote"), progress=seen.append)
    assert seen[-1] == 1_000_000
    assert seen == sorted(seen)


def test_what_cannot_be_copied_says_why(ssh_guest, tmp_path):
    (tmp_path / "source").write_text("x")
    cases = [
        (NotFound, lambda: ssh_guest.get(str(tmp_path / "nothing"), tmp_path / "back")),
        (Refused, lambda: ssh_guest.get("/dev/null", tmp_path / "back")),
        (NotFound, lambda: ssh_guest.put(tmp_path / "source", str(tmp_path / "no" / "folder"))),
        (NotFound, lambda: ssh_guest.put(tmp_path / "nothing", str(tmp_path / "x"))),
        (DriverError, lambda: ssh_guest.put(tmp_path / "source", "/proc/x")),
        (Refused, lambda: ssh_guest.put(tmp_path / "source", "nul\0")),
        (Refused, lambda: ssh_guest.put(tmp_path / "source", "")),
    ]
    for kind, act in cases:
        with pytest.raises(kind):
            act()
    assert not (tmp_path / "back").exists()


def test_a_file_larger_than_allowed_leaves_nothing(ssh_guest, tmp_path):
    with pytest.raises(Refused, match="larger"):
        ssh_guest.get("/proc/self/environ", tmp_path / "back", limit_bytes=1)
    assert list(tmp_path.iterdir()) == []


def make_folder(root):
    (root / "sub" / ("n" * 120)).mkdir(parents=True)
    (root / "sub" / "é x").write_text("1")
    (root / "sub" / ("n" * 120) / ("m" * 120)).write_bytes(b"2" * 100_000)
    (root / "link").symlink_to("sub")
    (root / "outside").symlink_to("/etc")
    (root / "tool").write_text("#!")
    (root / "tool").chmod(0o755)


def test_folders_go_both_ways_and_links_stay_inside(ssh_guest, tmp_path):
    source, remote, back = tmp_path / "source", tmp_path / "remote", tmp_path / "back"
    make_folder(source)
    ssh_guest.put(source, str(remote))
    ssh_guest.put(source, str(remote))  # again: the files join what is there
    ssh_guest.get(str(remote), back)
    assert (back / "sub" / ("n" * 120) / ("m" * 120)).read_bytes() == b"2" * 100_000
    assert (back / "link" / "é x").read_text() == "1"
    assert (back / "tool").stat().st_mode & 0o111
    assert (remote / "outside").is_symlink()
    assert not (back / "outside").is_symlink()


def test_a_folder_joins_one_that_is_there_whole_or_not_at_all(ssh_guest, tmp_path):
    source, remote = tmp_path / "source", tmp_path / "it's remote"
    for folder, names in ((source, ("a/b/new", "a/old", "-x", ".h", "n/m")), (remote, ("a/b/kept", "a/old"))):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(folder.name)
    (source / "n" / "link").symlink_to("m")
    ssh_guest.put(source, str(remote))
    there = sorted(str(path.relative_to(remote)) for path in remote.rglob("*") if not path.is_dir())
    assert there == ["-x", ".h", "a/b/kept", "a/b/new", "a/old", "n/link", "n/m"]
    assert (remote / "a" / "old").read_text() == "source" and (remote / "n" / "link").is_symlink()
    (source / "a" / "b" / "new").write_text("newer")
    (remote / "z").mkdir()
    (source / "z").write_text("a file")
    refused(ssh_guest, source, remote, "is a folder already")
    (source / "z").unlink()
    (source / "a" / "b" / "kept").mkdir()
    refused(ssh_guest, source, remote, "is there, and no folder")


def refused(ssh_guest, source, remote, words):
    with pytest.raises(DriverError, match=words):
        ssh_guest.put(source, str(remote))
    assert (remote / "a" / "b" / "new").read_text() == "source"
    assert not list(remote.parent.rglob(".cowweb-*"))


def test_a_folder_is_not_fetched_over_another(ssh_guest, tmp_path):
    make_folder(tmp_path / "far" / "source")
    (tmp_path / "here" / "source").mkdir(parents=True)
    with pytest.raises(Refused, match="exists"):
        ssh_guest.get(str(tmp_path / "far" / "source"), tmp_path / "here")
