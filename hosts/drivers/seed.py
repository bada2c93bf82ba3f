"""What a booting guest learns about itself: written into files that only QEMU and we may read.

Two ways: items of QEMU's firmware configuration device, or a small volume that cloud-init reads.

Example::

    write_seed(spec)      # then the machine's arguments name the files
"""

import json
import os
from pathlib import Path

from hosts.drivers.private_file import write_private
from hosts.drivers.process import run
from hosts.drivers.records import Identity, MachineSpec, SeedKind

VOLUME = "seed.img"
LABEL = "cidata"  # how cloud-init finds it
VOLUME_BYTES = 1 << 20
MAKE_S = 20.0
FIRMWARE_FILES = {
    "opt/cowweb/hostname": "seed-hostname",
    "opt/cowweb/authorized_key": "seed-authorized-key",
    "opt/cowweb/host_key": "seed-host-key",
    "opt/cowweb/ssh_user": "seed-ssh-user",
}


def write_seed(spec: MachineSpec) -> list[Path]:
    """Writes the seed into the machine's folder and returns what was written."""
    if spec.seed is SeedKind.NOCLOUD:
        return [_write_volume(spec)]
    return _write_firmware_files(spec.folder, spec.identity)


def _write_firmware_files(folder: Path, identity: Identity) -> list[Path]:
    values = {
        "opt/cowweb/hostname": identity.hostname,
        "opt/cowweb/authorized_key": identity.login_public,
        "opt/cowweb/host_key": identity.host_key,
        "opt/cowweb/ssh_user": identity.ssh_user,
    }
    return [
        write_private(folder / file, values[item].strip() + "\n") for item, file in FIRMWARE_FILES.items()
    ]


def _write_volume(spec: MachineSpec) -> Path:
    volume = write_private(spec.folder / VOLUME, "")
    try:
        os.truncate(volume, VOLUME_BYTES)
        run(["mkfs.vfat", "-n", LABEL, str(volume)], timeout_s=MAKE_S)
        for name, content in {"user-data": user_data(spec.identity), "meta-data": meta_data(spec)}.items():
            run(["mcopy", "-i", str(volume), "-", f"::{name}"], stdin=content.encode(), timeout_s=MAKE_S)
    except BaseException:
        volume.unlink(missing_ok=True)
        raise
    return volume


def user_data(identity: Identity) -> str:
    """JSON is YAML too, and has one way only to quote."""
    config = {
        "hostname": identity.hostname,
        "preserve_hostname": False,
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {"ed25519_private": identity.host_key, "ed25519_public": identity.host_public},
        "users": [
            {
                "name": identity.ssh_user,
                "ssh_authorized_keys": [identity.login_public.strip()],
                "lock_passwd": True,
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
            }
        ],
    }
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"


def meta_data(spec: MachineSpec) -> str:
    identity = {"instance-id": str(spec.uuid), "local-hostname": spec.identity.hostname}
    return json.dumps(identity) + "\n"
