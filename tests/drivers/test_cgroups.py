"""Limits by cgroup version 2: in the kernel's own tree with the controller it has there, and with all of ours in
a folder that answers as the kernel's does where this host has them in version 1."""

import errno
import os
import re
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from hosts.drivers import cgroups

UNIFIED = re.compile(r"^\S+ \S+ \S+ (\S+) (\S+) .*- cgroup2 ", re.MULTILINE)
SYNTAX = {
    "cpu.max": re.compile(r"(max|[1-9]\d*) [1-9]\d*"),
    "memory.max": re.compile(r"max|\d+"),
    "io.weight": re.compile(r"default ([1-9]\d{0,3}|10000)"),
    "cgroup.procs": re.compile(r"[1-9]\d*"),
}
OFFERED = "cpuset cpu io memory pids"


@pytest.fixture(autouse=True)
def fresh_trees(monkeypatch):
    cgroups.trees.cache_clear()
    yield
    monkeypatch.undo()
    cgroups.trees.cache_clear()


def seen_from(monkeypatch, tmp_path, mountinfo, own):
    """As if the server were in the group `own`."""
    for name, text in (("MOUNTS", mountinfo), ("OWN", own)):
        place = tmp_path / name
        place.write_text(text)
        monkeypatch.setattr(cgroups, name, place)


@pytest.fixture
def delegated(tmp_path, monkeypatch):
    """A subtree of the kernel's, delegated as systemd does: the server in a leaf, nothing beside it."""
    found = UNIFIED.search(Path("/proc/self/mountinfo").read_text())
    if os.geteuid() or not found or not Path(found[2], "cgroup.controllers").read_text().split():
        pytest.skip("only root, where the kernel's version 2 has a controller")
    root = Path(found[2])
    controller = (root / "cgroup.controllers").read_text().split()[0]
    was_on = controller in (root / "cgroup.subtree_control").read_text().split()
    (root / "cgroup.subtree_control").write_text(f"+{controller}")
    unit = root / f"cowweb-test-{uuid4().hex[:8]}"
    (unit / "server").mkdir(parents=True)
    monkeypatch.setattr(cgroups, "CONTROLLERS", {controller: controller})
    mountinfo = Path("/proc/self/mountinfo").read_text()
    with subprocess.Popen(["sleep", "300"]) as server:
        (unit / "server" / "cgroup.procs").write_text(str(server.pid))
        seen_from(monkeypatch, tmp_path, mountinfo, f"0::/{unit.name}/server\n")
        yield unit
        server.kill()
    for folder in sorted(unit.rglob("*/"), reverse=True):
        folder.rmdir()
    unit.rmdir()
    if not was_on:
        (root / "cgroup.subtree_control").write_text(f"-{controller}")


def test_in_the_kernels_own_tree_a_machine_gets_a_group_that_goes_with_it(delegated):
    (tree,) = cgroups.trees()
    assert (tree.folder, tree.version) == (delegated / "cowweb", 2)
    assert (tree.folder / "cgroup.subtree_control").read_text().split() == list(tree.controllers)
    uuid = uuid4()
    with subprocess.Popen(["sleep", "300"]) as machine:
        cgroups.limit(uuid, machine.pid, cpus=1, memory_mb=64)
        group = tree.folder / uuid.hex
        assert (group / "cgroup.procs").read_text().split() == [str(machine.pid)]
        assert Path(f"/proc/{machine.pid}/cgroup").read_text().rstrip().endswith(f"/cowweb/{uuid.hex}")
        assert cgroups.swept() == 0 and group.is_dir()  # the kernel keeps what something is in
        machine.kill()
    assert cgroups.swept() == 1 and not group.exists()


def test_in_the_kernels_own_tree_a_server_that_is_in_no_leaf_is_refused(delegated, tmp_path):
    """No inner processes: the controllers cannot be handed on from where the server itself is."""
    (delegated / "cgroup.procs").write_text((delegated / "server" / "cgroup.procs").read_text().split()[0])
    (tmp_path / "OWN").write_text(f"0::/{delegated.name}\n")
    assert cgroups.trees() == () and not cgroups.limits().holds


write, make = Path.write_text, Path.mkdir


class Answering:
    """Plain folders that take and refuse what the kernel's do: files come with a group, values are checked,
    a parent with processes hands nothing on, a controller is there when the parent hands it on."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def wrote(self, path: Path, text: str) -> None:
        if not path.exists():
            raise PermissionError(errno.EACCES, "no file is made in a group", str(path))
        if path.name == "cgroup.subtree_control":
            self.handed_on(path.parent, [word.removeprefix("+") for word in text.split()])
            return
        if path.name in SYNTAX and not SYNTAX[path.name].fullmatch(text):
            raise OSError(errno.EINVAL, text, str(path))
        write(path, text)

    def handed_on(self, group: Path, names: list[str]) -> None:
        if not set(names) <= set((group / "cgroup.controllers").read_text().split()):
            raise OSError(errno.ENOENT, str(names))
        if (group / "cgroup.procs").read_text():
            raise OSError(errno.EBUSY, str(names))
        write(group / "cgroup.subtree_control", " ".join(names))

    def made(self, path: Path) -> None:
        has = (path.parent / "cgroup.subtree_control").read_text()
        files = {"cgroup.controllers": has, "cgroup.subtree_control": "", "cgroup.procs": ""}
        files |= {name: "max" for name in SYNTAX if name.split(".")[0] in has.split()}
        for name, text in files.items():
            write(path / name, text)


@pytest.fixture
def answering(tmp_path, monkeypatch):
    tree = Answering(tmp_path / "unified")
    tree.root.mkdir()
    (tree.root / "cgroup.subtree_control").write_text(OFFERED)

    def write_text(path, text, *more, **options):
        if path.is_relative_to(tree.root):
            return tree.wrote(path, text)
        return write(path, text, *more, **options)

    def mkdir(path, *more, **options):
        is_new = path.is_relative_to(tree.root) and not path.exists()
        make(path, *more, **options)
        if is_new:
            tree.made(path)

    monkeypatch.setattr(Path, "write_text", write_text)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    unit = tree.root / "cowweb.service"
    unit.mkdir()
    (unit / "server").mkdir()
    (unit / "server" / "cgroup.procs").write_text("1")
    mount = f"30 23 0:26 / {tree.root} rw - cgroup2 cgroup2 rw\n"
    seen_from(monkeypatch, tmp_path, mount, "0::/cowweb.service/server\n")
    return unit


def test_all_limits_are_set_as_version_2_spells_them(answering):
    verdict = cgroups.limits()
    assert verdict.holds and "cgroup v2" in verdict.reason and "cpu, memory, io" in verdict.reason
    uuid = uuid4()
    cgroups.limit(uuid, 4321, cpus=2, memory_mb=512)
    group = answering / "cowweb" / uuid.hex
    values = {name: (group / name).read_text() for name in SYNTAX}
    assert values == {
        "cpu.max": "300000 100000",
        "memory.max": str((512 + 1536) << 20),
        "io.weight": "default 100",
        "cgroup.procs": "4321",
    }


def test_what_the_parent_does_not_hand_on_is_said_and_the_rest_holds(answering):
    Path(answering / "cgroup.controllers").write_text("memory pids")
    verdict = cgroups.limits()
    assert not verdict.holds and "Not held: cpu, io" in verdict.reason
    uuid = uuid4()
    cgroups.limit(uuid, 4321, cpus=2, memory_mb=512)
    group = answering / "cowweb" / uuid.hex
    assert (group / "memory.max").exists() and not (group / "cpu.max").exists()


def test_a_server_beside_its_machines_has_no_limits_and_the_page_says_so(answering, tmp_path):
    (answering / "cgroup.procs").write_text("1")
    (tmp_path / "OWN").write_text("0::/cowweb.service\n")
    verdict = cgroups.limits()
    assert not verdict.holds and "no cgroup of this host can be written to" in verdict.reason
