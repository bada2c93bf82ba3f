"""What driver tests share: keys, a driver, and machines that are ended whatever happens.

`running_guest` is one booted guest for the whole session; `server` and `ssh_guest` need none.
"""

import dataclasses
import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest

from hosts.drivers.base import Guest
from hosts.drivers.build import build_guest
from hosts.drivers.guest import open_guest
from hosts.drivers.keys import make_identity
from hosts.drivers.qemu import QemuDriver
from hosts.drivers.records import Boot, BootKind, Identity, MachineSpec, Started
from hosts.drivers.ssh import SshGuest
from tests.drivers.driver_support import TCG, key_pair, make_image
from tests.drivers.ssh_server import ShellServer, shell_server
from tests.support.machines import machines_ended

BOOT_S = 180.0  # emulated, on a busy host


@pytest.fixture(scope="session")
def identity() -> Identity:
    login, login_public = key_pair()
    host, host_public = key_pair()
    return Identity("clone-7", "root", login, login_public, host, host_public)


@pytest.fixture
def driver(tmp_path):
    made = QemuDriver(accelerator=lambda: TCG, disks=tmp_path)
    yield made
    machines_ended(tmp_path, made)


@pytest.fixture
def empty_machine(driver, tmp_path, identity):
    """Makes the spec of a machine that finds nothing to boot: up in a moment, and it stays up."""

    def make(name="m", **changes) -> MachineSpec:
        base = tmp_path / "base.qcow2"
        if not base.exists():
            make_image(base)
        disk = tmp_path / f"{name}.qcow2"
        driver.disk_create(disk, backing=base)
        facts = {
            "uuid": uuid4(),
            "name": name,
            "folder": tmp_path / name,
            "disk": disk,
            "memory_mb": 64,
            "cpus": 1,
            "boot": Boot(BootKind.BIOS),
            "identity": identity,
        }
        return MachineSpec(**{**facts, **changes})

    return make


@dataclasses.dataclass(frozen=True, slots=True)
class RunningGuest:
    """A booted tiny guest. Tests share it: leave no process and no file behind."""

    driver: QemuDriver
    spec: MachineSpec
    started: Started

    def open(self, channel=None) -> Guest:
        return open_guest(self.spec, self.started.record, self.started.forwards, channel=channel)


@pytest.fixture(scope="session")
def running_guest(tmp_path_factory, guest_cache) -> Iterator[RunningGuest]:
    built = build_guest("tiny", cache=guest_cache, progress=print)
    root = tmp_path_factory.mktemp("machines")
    driver = QemuDriver(accelerator=lambda: TCG, disks=root)
    disk = root / "shared.qcow2"
    driver.disk_create(disk, backing=built.disk)
    spec = MachineSpec(
        uuid=uuid4(),
        name="shared",
        folder=root / "shared",
        disk=disk,
        memory_mb=256,
        cpus=1,
        boot=Boot(built.boot_kind, built.kernel, built.initrd, built.cmdline),
        identity=make_identity("shared", built.ssh_user),
    )
    started = driver.start(spec)
    guest = RunningGuest(driver, spec, started)
    try:
        with guest.open() as way:
            way.wait_ready(timeout_s=BOOT_S)
        yield guest
    finally:
        driver.kill(started.record)
        driver.egress_end(spec.uuid)


@pytest.fixture
def server(identity) -> Iterator[ShellServer]:
    with shell_server(identity) as server:
        yield server


@pytest.fixture
def ssh_guest(server, identity) -> Iterator[SshGuest]:
    with SshGuest(server.port, identity, silence_s=1.0) as guest:
        yield guest


@pytest.fixture
def small_room(tmp_path):
    """A file system of half a megabyte; `mount -o remount,size=` gives it more."""
    room = tmp_path / "room"
    room.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(room)]).returncode:
        pytest.skip("needs the right to mount a file system")
    yield room
    subprocess.run(["umount", "-l", str(room)], check=True)
