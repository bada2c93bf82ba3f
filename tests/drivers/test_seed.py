"""What a booting guest is told, as cloud-init and our own hook will read it."""

import json
import subprocess
from uuid import uuid4

import pytest

from hosts.drivers.records import Boot, BootKind, MachineSpec, SeedKind
from hosts.drivers.seed import write_seed


@pytest.fixture
def spec(tmp_path, identity):
    return MachineSpec(
        uuid=uuid4(),
        name="m",
        folder=tmp_path,
        disk=tmp_path / "disk.qcow2",
        memory_mb=64,
        cpus=1,
        boot=Boot(BootKind.BIOS),
        identity=identity,
        seed=SeedKind.NOCLOUD,
    )


def read(volume, name):
    done = subprocess.run(["mtype", "-i", str(volume), f"::{name}"], capture_output=True, check=True)
    return done.stdout.decode()


def test_the_cloud_init_volume_has_its_label_and_says_who_the_guest_is(spec, identity):
    (volume,) = write_seed(spec)
    label = subprocess.run(["blkid", "-o", "value", "-s", "LABEL", str(volume)], capture_output=True)
    assert label.stdout.decode().strip() == "cidata"
    user_data = read(volume, "user-data")
    assert user_data.startswith("#cloud-config\n")
    config = json.loads(user_data.split("\n", 1)[1])
    assert config["users"][0]["ssh_authorized_keys"] == [identity.login_public]
    assert config["ssh_keys"]["ed25519_private"] == identity.host_key
    assert json.loads(read(volume, "meta-data")) == {
        "instance-id": str(spec.uuid),
        "local-hostname": "clone-7",
    }
    assert volume.stat().st_mode & 0o777 == 0o600


def test_writing_again_replaces_the_volume(spec):
    write_seed(spec)
    (volume,) = write_seed(spec)
    assert read(volume, "meta-data")
    assert [path.name for path in spec.folder.iterdir()] == [volume.name]
