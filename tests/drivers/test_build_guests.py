"""Built guests really start: identity from the host, login, agent, REXX, power button, reboot."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts.drivers.build import BuiltGuest, build_guest
from hosts.drivers.records import BootKind
from tests.drivers.boot_guest import Booted, booted, cache_folder

pytestmark = pytest.mark.guest
DEADLINE_S = 240
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
OTHERS = "rsa-sha2-256,ecdsa-sha2-nistp256"


@pytest.fixture(scope="module")
def tiny() -> BuiltGuest:
    return build_guest("tiny", cache=cache_folder(), progress=print)


@pytest.fixture(scope="module")
def machine(tiny: BuiltGuest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with booted(tiny, tmp_path_factory.mktemp("tiny")) as machine:
        print(f"login after {machine.wait_login(DEADLINE_S):.1f} s")
        yield machine


def powers_off(machine: Booted) -> bool:
    machine.monitor("system_powerdown")
    return machine.process.wait(90) == 0


def assert_takes_the_hosts_identity(machine: Booted) -> None:
    """That ssh answered at all means the pushed key was taken and the pinned host key shown."""
    assert machine.out("hostname") == machine.folder.name
    assert machine.ssh("true", key="stranger").returncode == 255
    # No host key of another kind is offered beside it.
    assert machine.ssh("true", "-o", f"HostKeyAlgorithms={OTHERS}").returncode == 255
    assert machine.ssh("true", "-o", "HostKeyAlgorithms=ssh-ed25519").returncode == 0
    assert re.fullmatch("[0-9a-f]{32}", machine.out("cat /etc/machine-id"))


def assert_runs_rexx(machine: Booted) -> None:
    assert machine.out("echo 'say 6 * 7' | rexx") == "42"
    assert machine.ssh("echo 'exit 3' | rexx").returncode == 3


def test_nothing_is_baked_into_the_disk(tiny):
    listing = subprocess.run(["qemu-img", "info", str(tiny.disk)], capture_output=True, text=True, check=True)
    assert "backing file" not in listing.stdout
    assert tiny.disk.stat().st_size < 64 * 1024 * 1024


def test_it_takes_name_and_keys_from_the_host(machine):
    assert_takes_the_hosts_identity(machine)


def test_its_machine_id_is_its_uuid(machine):
    assert machine.out("cat /etc/machine-id") == machine.out("tr -d - < /sys/class/dmi/id/product_uuid")


def test_it_runs_rexx(machine):
    assert_runs_rexx(machine)


def test_its_ports_are_named_and_the_agent_answers(machine):
    assert machine.agent("guest-ping") == {"return": {}}
    assert machine.out("ls /dev/virtio-ports").split() == ["org.cowweb.agent.0", "org.qemu.guest_agent.0"]


def test_it_has_the_tools_scripts_expect(machine):
    machine.out("for tool in sh tar nc wget httpd reboot; do command -v $tool || exit 1; done")
    assert int(machine.out("df -m / | tail -1 | awk '{print $4}'")) > 900


def test_no_password_is_accepted_and_none_is_set(machine):
    assert machine.out("cut -d: -f2 /etc/shadow") == "*"
    argv = ["ssh", "-v", "-F", "none", "-p", str(machine.port), "-o", "PubkeyAuthentication=no"]
    argv += ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    asked = subprocess.run([*argv, "root@127.0.0.1"], capture_output=True, text=True)
    assert "Authentications that can continue: publickey\n" in asked.stderr.replace("\r", "")


@pytest.mark.long
def test_it_reboots_from_inside_and_keeps_its_keys_and_files(machine):
    first = machine.out(BOOT_ID)
    machine.out("echo kept > /root/file; sync")
    machine.ssh("reboot")
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        answer = machine.ssh(BOOT_ID, timeout_s=30)
        if answer.returncode == 0 and answer.stdout.strip() != first:
            break
        time.sleep(0.5)
    assert machine.out(BOOT_ID) != first
    assert machine.out("cat /root/file") == "kept"


def test_the_power_button_ends_it(machine):
    assert powers_off(machine)


@pytest.mark.long
def test_its_disk_starts_by_bios_too_and_in_little_memory(tiny, tmp_path):
    folder: Path = tmp_path / "bios-tiny"
    folder.mkdir()
    with booted(tiny, folder, boot_kind=BootKind.BIOS, memory_mb=128) as machine:
        machine.wait_login(DEADLINE_S)
        assert machine.out("hostname") == "bios-tiny"


@pytest.mark.long  # a system of its own: a minute to boot, and several to build where it is not kept yet
def test_debian_starts_with_the_hosts_identity(tmp_path):
    folder = tmp_path / "debian-1"
    folder.mkdir()
    guest = build_guest("debian", cache=cache_folder(), progress=print)
    with booted(guest, folder) as machine:
        print(f"login after {machine.wait_login(2 * DEADLINE_S):.1f} s")
        assert_takes_the_hosts_identity(machine)
        assert_runs_rexx(machine)
        assert machine.agent("guest-ping") == {"return": {}}
        assert machine.out("systemctl --failed --quiet; . /etc/os-release; echo $ID") == "debian"
        assert powers_off(machine)
