"""What a QEMU that a guest has taken over could still do: tried as its user, in its place."""

import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hosts.drivers import cgroups
from hosts.drivers.egress_rules import group_of
from hosts.drivers.errors import Refused
from hosts.drivers.firmware import uefi
from hosts.drivers.lending import lending_group
from hosts.drivers.machine_args import FIRMWARE_VARIABLES
from hosts.drivers.qemu import QemuDriver
from hosts.drivers.records import Boot, BootKind, MachineStatus, Memory
from tests.drivers.driver_support import TCG, make_image
from tests.support.in_its_place import as_machine, facts_of, reads, writes
from tests.support.machines import machines_ended

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give machines users of their own"),
]


@pytest.fixture
def driver(tmp_path):
    """As the site makes it; the folder on the way to its data is closed to others, as a home folder is."""
    tmp_path.chmod(0o700)
    data = tmp_path / "data"
    data.mkdir()
    made = QemuDriver(accelerator=lambda: TCG, disks=data, roots=(data, tmp_path / "memory"))
    yield made
    machines_ended(tmp_path, made)
    cgroups.swept()


@pytest.fixture
def machine(driver, empty_machine, tmp_path):
    """A spec on a base in the store, with its disk in its own folder."""

    def made(name="web", **changes):
        base = tmp_path / "data" / "store" / "base.qcow2"
        if not base.exists():
            base.parent.mkdir()
            make_image(base).chmod(0o444)
        folder = tmp_path / "data" / "clones" / name
        folder.mkdir(parents=True, mode=0o700)
        driver.disk_create(folder / "disk.qcow2", backing=base)
        return empty_machine(name, folder=folder, disk=folder / "disk.qcow2", **changes)

    return made


def test_a_running_qemu_has_a_user_of_its_own_and_no_rights(driver, machine):
    spec = machine()
    record = driver.start(spec).record
    facts = facts_of(record.pid)
    assert set(facts["Uid"].split()) == set(facts["Gid"].split()) == {str(group_of(spec.uuid))}
    assert [int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")] == [0] * 5
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert driver.status(record) is MachineStatus.RUNNING
    assert driver.running(spec.folder) == (record,)  # found again by what the kernel knows


def test_what_is_not_its_own_is_unreadable_to_it(driver, machine, tmp_path):
    data, other = tmp_path / "data", machine("other")
    first, second = driver.start(machine()).record, driver.start(other).record
    canaries = [
        data / "db.sqlite3",
        data / "secret.key",
        data / "import" / "disk.qcow2",
        tmp_path / "outside",
    ]
    for canary in canaries:
        canary.parent.mkdir(exist_ok=True)
        canary.write_text("canary")
        canary.chmod(0o644)
    for canary in canaries[:3]:  # nobody closed them: a machine that runs does not see them at all
        assert as_machine(first, "stat", canary).returncode, canary
    own = Path(first.folder)
    canaries += [other.disk, other.folder / "seed-host-key", own / "machine.json", "/etc/shadow"]
    assert [path for path in canaries if reads(first, path)] == []
    assert reads(first, own / "disk.qcow2") and reads(first, data / "store" / "base.qcow2")
    assert not reads(second, own / "disk.qcow2")
    assert as_machine(first, "ls", data).returncode and as_machine(first, "ls", own).returncode
    assert as_machine(first, "kill", "-0", str(second.pid)).returncode


def test_it_changes_nothing_but_its_disk_and_its_console(driver, machine, tmp_path):
    spec = machine()
    record = driver.start(spec).record
    assert writes(record, spec.disk) and writes(record, spec.folder / "serial.log")
    for place in (
        tmp_path / "data" / "store" / "base.qcow2",
        spec.folder / "new",
        spec.folder / "machine.json",
    ):
        assert not writes(record, place), place
    assert as_machine(record, "ln", "-sf", "/etc/shadow", str(spec.folder / "qemu.log")).returncode


def test_its_sockets_are_ours_alone(driver, machine):
    record = driver.start(machine()).record
    folder = Path(record.folder)
    assert stat.S_IMODE(folder.stat().st_mode) & 0o067 == 0
    for name in ("qmp.sock", "qga.sock", "agent.sock"):
        facts = (folder / name).stat()
        assert (stat.S_IMODE(facts.st_mode), facts.st_uid) == (0o600, 0), name


def test_it_is_told_nothing_of_the_servers_environment(driver, machine, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://cow:c4n4ry@db/cow")
    record = driver.start(machine()).record
    assert b"c4n4ry" not in Path(f"/proc/{record.pid}/environ").read_bytes()


def test_a_templates_memory_is_mapped_by_its_clones_and_changed_by_none(driver, machine, tmp_path):
    memory = tmp_path / "memory" / "t.ram"
    memory.parent.mkdir()
    template = machine("template", memory=Memory(memory, shared=True))
    made = driver.start(template).record
    driver.save_and_end(made, tmp_path / "data" / "t.state")
    before = memory.read_bytes()
    going_on = Memory(memory, shared=False, state=tmp_path / "data" / "t.state")
    record = driver.start(machine("clone", memory=going_on)).record
    assert driver.status(record) is MachineStatus.RUNNING
    assert driver.memory_use(record).mapped_bytes >= 64 << 20
    facts = memory.stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (0, lending_group(memory), 0o440)
    assert reads(record, memory) and not writes(record, memory)
    opened = [link for link in Path(f"/proc/{record.pid}/fd").iterdir() if link.readlink() == memory]
    flags = [
        int((Path(f"/proc/{record.pid}/fdinfo") / link.name).read_text().split()[3], 8) for link in opened
    ]
    assert flags and all(flag & os.O_ACCMODE == os.O_RDONLY for flag in flags)
    assert memory.read_bytes() == before
    stranger = driver.start(machine("stranger")).record
    assert not reads(stranger, memory)


def test_a_layer_put_on_a_running_machine_is_its_own_and_the_one_below_is_not_any_more(driver, machine):
    spec = machine()
    record = driver.start(spec).record
    overlay = spec.folder / "next.qcow2"
    driver.disk_create(overlay, backing=spec.disk)
    driver.layer_put(record, overlay, mark="m1")
    driver.layer_sealed(spec.disk)
    spec.disk.chmod(0o444)
    assert writes(record, overlay) and not writes(record, spec.disk)
    assert as_machine(record, "chmod", "600", str(spec.disk)).returncode


@pytest.mark.parametrize("named", ["/etc/shadow", "other", "link"])
def test_a_disk_that_names_what_is_not_the_machines_starts_nothing(driver, machine, tmp_path, named):
    """A QEMU that was taken over can write any name into its disk's header; root would open it."""
    other = machine("other")
    driver.start(other)
    spec, place = machine(), Path(named)
    if named == "link":
        place = tmp_path / "data" / "store" / "link.qcow2"
        place.symlink_to("/etc/shadow")
    elif named == "other":
        place = other.disk
    unsafe = ["qemu-img", "rebase", "-u", "-F", "qcow2", "-b", str(place), str(spec.disk)]
    subprocess.run(unsafe, check=True)
    before = Path("/etc/shadow").stat(), other.disk.stat().st_uid
    with pytest.raises(Refused):
        driver.start(spec)
    assert (Path("/etc/shadow").stat(), other.disk.stat().st_uid) == before


def test_limits_are_set_in_a_group_of_its_own_and_go_with_it(driver, machine):
    if not cgroups.trees():
        assert not cgroups.limits().holds
        pytest.skip("this host has no cgroups to write to")
    spec = machine()
    record = driver.start(spec).record
    groups = [tree.folder / spec.uuid.hex for tree in cgroups.trees()]
    assert all(str(record.pid) in (group / "cgroup.procs").read_text().split() for group in groups)
    quotas = [group / name for group in groups for name in ("cpu.max", "cpu.cfs_quota_us")]
    assert [path.read_text().split()[0] for path in quotas if path.exists()] in ([], ["200000"])
    driver.kill(record)
    cgroups.swept()
    assert not any(group.exists() for group in groups)


def test_the_host_says_what_it_keeps_from_machines(driver):
    ticks = {tick.name: tick for tick in driver.facts().ticks}
    assert ticks["A user for each machine"].holds
    assert ticks["No capabilities, no new privileges"].holds
    assert ticks["System calls filtered (seccomp)"].holds
    assert all(tick.reason.strip() for tick in ticks.values())


def test_of_a_machine_that_is_gone_nobody_is_the_user(driver, machine):
    record = driver.start(machine(uuid=uuid4())).record
    assert driver.whose.user_of(record) == group_of(UUID(record.uuid))
    driver.kill(record)
    assert driver.whose.user_of(record) is None


def test_a_machine_with_firmware_is_held_as_well_and_goes_on_from_its_saved_memory(driver, machine):
    """It writes to its firmware's variables, which are its own, and to no other machine's."""
    other = driver.start(machine("other", boot=Boot(BootKind.UEFI))).record
    spec = machine(boot=Boot(BootKind.UEFI))
    record = driver.start(spec).record
    variables = FIRMWARE_VARIABLES
    for _ in range(2):
        facts = facts_of(record.pid)
        assert set(facts["Uid"].split()) == {str(group_of(spec.uuid))}
        assert (int(facts["CapEff"], 16), facts["NoNewPrivs"], facts["Seccomp"]) == (0, "1", "2")
        assert writes(record, spec.folder / variables) and not reads(other, spec.folder / variables)
        assert not writes(record, uefi().code) and not reads(record, "/etc/shadow")
        state = spec.folder / "memory.state"
        driver.save_whole_and_end(record, state)
        assert stat.S_IMODE(state.stat().st_mode) & 0o077 == 0
        record = driver.start(
            replace(spec, memory=Memory(None, shared=False, state=state, paused=True))
        ).record
        state.unlink()
        driver.resume(record)
    assert driver.status(record) is MachineStatus.RUNNING
