"""A real guest boots, knows who it is, and goes when asked."""

import io
import socket
import subprocess
import time
from uuid import uuid4

import paramiko
import pytest

from hosts.drivers.qemu import QemuDriver
from hosts.drivers.records import Boot, BootKind, Ending, MachineSpec, MachineStatus
from tests.drivers.driver_support import TCG

pytestmark = pytest.mark.guest
LOGIN_S = 120


@pytest.fixture(scope="module", params=[BootKind.KERNEL, BootKind.BIOS])
def booted(request, tmp_path_factory, tiny_guest, identity):
    folder = tmp_path_factory.mktemp("guest")
    driver = QemuDriver(accelerator=lambda: TCG, disks=folder)
    disk = folder / "clone.qcow2"
    driver.disk_create(disk, backing=tiny_guest.disk)
    boot = Boot(request.param)
    if request.param is BootKind.KERNEL:
        boot = Boot(request.param, tiny_guest.kernel, tiny_guest.initrd, tiny_guest.cmdline)
    spec = MachineSpec(uuid4(), "clone-7", folder / "m", disk, tiny_guest.memory_mb, 1, boot, identity)
    started = driver.start(spec)
    yield driver, spec, started
    driver.kill(started.record)


def transport(port):
    deadline = time.monotonic() + LOGIN_S
    while True:
        try:
            channel = paramiko.Transport(socket.create_connection(("127.0.0.1", port), timeout=30))
            channel.banner_timeout = 2  # QEMU takes connections before the guest does
            channel.start_client(timeout=30)
            return channel
        except (OSError, paramiko.SSHException, EOFError):
            channel.close()
            assert time.monotonic() < deadline
            time.sleep(0.2)


def output(channel, command):
    with channel.open_session(timeout=30) as session:
        session.exec_command(command)
        with session.makefile("rb") as stream:
            return stream.read().decode().strip()


def test_it_has_its_own_keys_and_name_and_powers_off_when_asked(booted, identity):
    driver, spec, started = booted
    channel = transport(started.forwards[0].host_port)
    try:
        assert f"ssh-ed25519 {channel.get_remote_server_key().get_base64()}" == identity.host_public
        channel.auth_publickey("root", key(identity.login_key))
        assert output(channel, "hostname") == identity.hostname
        assert output(channel, "cat /sys/class/net/*/address | grep ^52:54:00:")
        assert "org.cowweb.agent.0" in output(channel, "cat /sys/class/virtio-ports/*/name")
    finally:
        channel.close()
    driver.pause(started.record)  # also a paused guest goes
    assert driver.shutdown(started.record, grace_s=60) is True
    assert driver.status(started.record) is MachineStatus.GONE
    assert driver.ending(spec.folder) is Ending.POWER_OFF
    assert driver.image_check(spec.disk).clean
    assert driver.console_tail(spec.folder)


def key(text):
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text))


def test_a_full_host_pauses_the_guest_until_there_is_room(small_room, tmp_path, tiny_guest, identity):
    driver = QemuDriver(accelerator=lambda: TCG, disks=small_room)
    disk = small_room / "clone.qcow2"
    driver.disk_create(disk, backing=tiny_guest.disk)
    boot = Boot(BootKind.KERNEL, tiny_guest.kernel, tiny_guest.initrd, tiny_guest.cmdline)
    spec = MachineSpec(uuid4(), "m", tmp_path / "m", disk, tiny_guest.memory_mb, 1, boot, identity)
    started = driver.start(spec)
    try:
        channel = transport(started.forwards[0].host_port)
        channel.auth_publickey("root", key(identity.login_key))
        with channel.open_session(timeout=30) as filling:
            filling.exec_command("head -c 4m /dev/urandom >/root/large && sync && sha256sum </root/large")
            wait_for(lambda: driver.status(started.record) is MachineStatus.PAUSED)
            assert driver.disk_full(started.record)
            subprocess.run(["mount", "-o", "remount,size=64m", str(small_room)], check=True)
            driver.resume(started.record)
            assert filling.recv_exit_status() == 0
            written = filling.recv(100).decode().strip()
        assert driver.status(started.record) is MachineStatus.RUNNING
        assert not driver.disk_full(started.record)
        assert output(channel, "sha256sum </root/large") == written
        channel.close()
    finally:
        driver.kill(started.record)


def wait_for(true):
    deadline = time.monotonic() + LOGIN_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)
