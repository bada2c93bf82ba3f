"""The agent in a real guest: put in over SSH, started at boot, and a clone's identity."""

import os
import socket
import time
from dataclasses import replace
from uuid import uuid4

import paramiko
import pytest

from hosts.drivers.agent import AgentGuest, agent_binary, install
from hosts.drivers.errors import DriverError, TimedOut
from hosts.drivers.qemu import QemuDriver
from hosts.drivers.qga_guest import QgaGuest
from hosts.drivers.records import Boot, BootKind, MachineSpec
from hosts.drivers.ssh import SshGuest
from tests.drivers.driver_support import TCG, key_pair
from tests.support.site import wait_until

pytestmark = pytest.mark.guest
BOOT_S = 180


@pytest.fixture(scope="module")
def machine(tmp_path_factory, tiny_guest, identity):
    """A machine with the agent in it: the folder, and where SSH answers."""
    folder = tmp_path_factory.mktemp("agent")
    driver = QemuDriver(accelerator=lambda: TCG, disks=folder)
    disk = folder / "clone.qcow2"
    driver.disk_create(disk, backing=tiny_guest.disk)
    boot = Boot(BootKind.KERNEL, tiny_guest.kernel, tiny_guest.initrd, tiny_guest.cmdline)
    spec = MachineSpec(uuid4(), "clone-7", folder / "m", disk, tiny_guest.memory_mb, 1, boot, identity)
    started = driver.start(spec)
    port = started.forwards[0].host_port
    try:
        with SshGuest(port, identity) as ssh:
            ssh.wait_ready(timeout_s=BOOT_S)
            install(ssh, agent_binary(folder))
        yield spec.folder, port
    finally:
        driver.kill(started.record)


@pytest.fixture
def guest(machine):
    with AgentGuest(machine[0]) as guest:
        guest.wait_ready(timeout_s=BOOT_S)
        yield guest


def test_commands_stream_and_end_with_all_they_started(guest):
    assert guest.run("cat; exit 3", stdin=bytes(200_000)).stdout == bytes(200_000)
    sizes = []
    guest.run("dd if=/dev/zero bs=64k count=160", on_output=lambda _, piece: sizes.append(len(piece)))
    assert sum(sizes) > 10 << 20
    with pytest.raises(TimedOut):
        guest.run("(setsid sleep 7777 >/dev/null 2>&1 &); sleep 100", timeout_s=3)
    assert guest.run("ps | grep '[s]leep 7777'").exit_code == 1


def test_files_go_there_and_back(guest, tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(2_000_000))
    guest.put(tmp_path / "a", "/root/a", mode=0o600)
    guest.get("/root/a", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_qemus_own_agent_rests_while_ours_has_nothing_to_do(machine, identity):
    folder, port = machine
    state = "cut -d' ' -f3 /proc/$(pidof qemu-ga)/stat"
    with AgentGuest(folder) as guest:
        guest.wait_ready(timeout_s=BOOT_S)
        assert guest.run(state).stdout != b"T\n"
    with SshGuest(port, identity) as ssh:
        wait_until(lambda: ssh.run(state).stdout == b"T\n", timeout_s=20)
    with QgaGuest(folder, rests=True) as own:
        assert own.run("hostname").exit_code == 0


def test_an_identity_is_taken_by_kernel_files_and_ssh_server(machine, guest, identity):
    login, login_public = key_pair()
    host, host_public = key_pair()
    fresh = replace(
        identity,
        hostname="clone-8",
        login_key=login,
        login_public=login_public,
        host_key=host,
        host_public=host_public,
    )
    uuid, port = uuid4(), machine[1]
    ack = guest.identify(fresh, os.urandom(128), machine_id=uuid, mac=bytes.fromhex("525400aabbcc"))
    print("identity", ack)
    assert not any(ack.steps[step].skipped for step in ("entropy", "clock", "mac_address", "ssh_restart"))
    said = guest.run("hostname; cat /etc/hostname /etc/machine-id /sys/class/net/e*/address; date +%s").stdout
    name, kept, machine_id, mac, seconds = said.decode().split()
    assert (name, kept, machine_id, mac) == ("clone-8", "clone-8", uuid.hex, "52:54:00:aa:bb:cc")
    assert abs(int(seconds) - time.time()) < 5
    with SshGuest(port, fresh) as ssh:
        ssh.wait_ready(timeout_s=BOOT_S)
        assert ssh.run("hostname").stdout == b"clone-8\n"
    assert host_key_types(port) == {"ssh-ed25519"}
    with SshGuest(port, replace(fresh, login_key=identity.login_key)) as ssh, pytest.raises(DriverError):
        ssh.wait_ready(timeout_s=3)
    with SshGuest(port, replace(fresh, host_public=identity.host_public)) as ssh, pytest.raises(DriverError):
        ssh.wait_ready(timeout_s=3)


def host_key_types(port: int) -> set[str]:
    """What the server can prove to be: each type is asked for alone."""
    found = set()
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"):
        with paramiko.Transport(socket.create_connection(("127.0.0.1", port), timeout=90)) as transport:
            transport.get_security_options().key_types = (kind,)
            try:
                transport.start_client(timeout=90)
                found.add(transport.get_remote_server_key().get_name())
            except paramiko.SSHException:
                continue
    return found


def test_the_agent_comes_back_by_itself_and_after_a_reboot(guest):
    with pytest.raises(DriverError):
        guest.run("kill -9 $(pidof cowweb-agent); sleep 20", timeout_s=60)
    guest.wait_ready(timeout_s=60)
    up_before = float(guest.run("cut -d' ' -f1 /proc/uptime").stdout)
    guest.run("sed -i /guest-agent/d /etc/inittab")  # which loads the driver of both their ports
    with pytest.raises(DriverError):
        guest.run("sync; reboot; sleep 100", timeout_s=60)
    guest.wait_ready(timeout_s=BOOT_S)
    assert float(guest.run("cut -d' ' -f1 /proc/uptime").stdout) < up_before
