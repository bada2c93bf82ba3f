"""What the one message leaves behind in a file system."""

import os
import stat
import struct
import subprocess
from dataclasses import replace
from uuid import uuid4

import pytest

from hosts.drivers.agent import AgentGuest, agent_binary
from hosts.drivers.agent.identity import dropbear_key
from hosts.drivers.errors import DriverError, Refused
from tests.drivers.agent_host import host_agent
from tests.drivers.driver_support import key_pair


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with host_agent(agent_binary(tmp_path_factory.mktemp("cache")), tmp_path_factory.mktemp("m")) as agent:
        for folder in ("etc/ssh", "etc/dropbear", "root", "home/mia", "var/lib/systemd"):
            (agent.root / folder).mkdir(parents=True)
        (agent.root / "etc/passwd").write_text(
            "root:x:0:0::/root:/bin/sh\nmia:x:1000:1000::/home/mia:/bin/sh\n"
        )
        yield agent


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_the_clones_own(agent, identity):
    etc, uuid = agent.root / "etc", uuid4()
    for name in ("ssh_host_rsa_key", "ssh_host_rsa_key.pub", "ssh_host_ecdsa_key", "ssh_host_ed25519_key"):
        (etc / "ssh" / name).write_text("the template's, and longer than the clone's: " + "x" * 1000)
    (etc / "ssh/sshd_config").write_text("kept")
    (etc / "dropbear/dropbear_rsa_host_key").write_text("the template's")
    (etc / "hostname").write_text("a-template-with-a-long-name\n")
    seed = agent.root / "var/lib/systemd/random-seed"
    seed.write_bytes(bytes(512))
    with AgentGuest(agent.folder) as guest:
        ack = guest.identify(identity, os.urandom(128), machine_id=uuid)
    assert (etc / "hostname").read_text() == identity.hostname + "\n"
    assert identity.hostname in (etc / "hosts").read_text()
    assert (etc / "machine-id").read_text() == uuid.hex + "\n"
    assert (etc / "ssh/ssh_host_ed25519_key").read_text().strip() == identity.host_key.strip()
    assert mode(etc / "ssh/ssh_host_ed25519_key") == 0o600
    assert sorted(path.name for path in (etc / "ssh").iterdir()) == [
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
        "sshd_config",
    ]
    assert [path.name for path in (etc / "dropbear").iterdir()] == ["dropbear_ed25519_host_key"]
    keys = agent.root / "root/.ssh/authorized_keys"
    assert (keys.read_text().strip(), mode(keys), mode(keys.parent)) == (identity.login_public, 0o600, 0o700)
    assert seed.read_bytes() != bytes(512)
    assert ack.steps["entropy"].skipped  # not the host's kernel
    assert not ack.steps["random_seed"].skipped
    assert 0 < sum(step.us for step in ack.steps.values()) <= ack.total_us


def test_a_second_identity_leaves_nothing_of_the_first(agent, identity):
    with AgentGuest(agent.folder) as guest:
        guest.identify(
            replace(identity, hostname="a-long-name-for-a-clone"), os.urandom(64), machine_id=uuid4()
        )
        guest.identify(replace(identity, hostname="b"), os.urandom(256), machine_id=uuid4())
    assert (agent.root / "etc/hostname").read_text() == "b\n"


def test_another_users_key_goes_to_that_users_home(agent, identity):
    with AgentGuest(agent.folder) as guest:
        guest.identify(replace(identity, ssh_user="mia"), os.urandom(64), machine_id=uuid4())
    keys = agent.root / "home/mia/.ssh/authorized_keys"
    assert keys.read_text().strip() == identity.login_public


def test_a_link_is_replaced_and_not_followed(agent, identity, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    keys = agent.root / "root/.ssh/authorized_keys"
    keys.parent.mkdir(exist_ok=True)
    keys.unlink(missing_ok=True)
    keys.symlink_to(victim)
    with AgentGuest(agent.folder) as guest:
        guest.identify(identity, os.urandom(64), machine_id=uuid4())
    assert victim.read_text() == "precious"
    assert keys.read_text().strip() == identity.login_public


def test_an_identity_that_was_not_taken_is_an_error(agent, identity):
    with AgentGuest(agent.folder) as guest, pytest.raises(DriverError, match="login_key"):
        guest.identify(replace(identity, ssh_user="nobody-here"), os.urandom(64), machine_id=uuid4())


@pytest.mark.parametrize("size", [0, 63, 257])
def test_entropy_of_a_wrong_size_is_refused(agent, identity, size):
    with AgentGuest(agent.folder) as guest, pytest.raises(Refused):
        guest.identify(identity, bytes(size), machine_id=uuid4())


def test_dropbears_form_is_the_same_key(identity):
    key = dropbear_key(identity.host_key)
    (length,) = struct.unpack_from(">I", key)
    assert key[4 : 4 + length] == b"ssh-ed25519"
    assert len(key) == 4 + 11 + 4 + 64


@pytest.mark.parametrize("kind", [("-t", "ecdsa"), ("-t", "ed25519", "-N", "secret")])
def test_other_keys_are_refused(tmp_path, kind):
    passphrase = () if "-N" in kind else ("-N", "")
    subprocess.run(["ssh-keygen", "-q", *kind, *passphrase, "-f", tmp_path / "key"], check=True)
    with pytest.raises(Refused):
        dropbear_key((tmp_path / "key").read_text())


@pytest.mark.parametrize("cut", [0, 40, 100, 200])
def test_half_a_key_is_refused(cut):
    with pytest.raises(Refused):
        dropbear_key(key_pair()[0][:cut])
