"""Machines are found by what the kernel knows of their processes, whatever became of their folders."""

import shutil
import subprocess
import sys
from uuid import uuid4

import pytest

from hosts.drivers.adopt import running_machines
from hosts.drivers.machine_args import PROGRAM


@pytest.fixture
def machine(tmp_path):
    """A process that is called as a machine's is, in a folder of its own."""
    uuid = uuid4()
    folder = tmp_path / uuid.hex[:12]
    folder.mkdir()
    program = "print(flush=True); import time; time.sleep(60)"
    argv = [PROGRAM, "-c", program, "-uuid", str(uuid)]
    with subprocess.Popen(argv, executable=sys.executable, cwd=folder, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process.pid, str(uuid), folder
        process.kill()


def found(root):
    return [(record.pid, record.uuid, record.folder) for record in running_machines(root)]


def test_a_machine_is_found_below_its_root_only(machine, tmp_path):
    pid, uuid, folder = machine
    assert found(tmp_path) == [(pid, uuid, str(folder))]
    assert found(tmp_path / "elsewhere") == []


def test_one_whose_folder_was_deleted_and_made_again_is_still_the_folders(machine, tmp_path):
    """As when its maker died right before it became QEMU, and the next one began anew."""
    pid, uuid, folder = machine
    shutil.rmtree(folder)
    assert found(tmp_path) == [(pid, uuid, str(folder))]
    folder.mkdir()
    assert found(tmp_path) == [(pid, uuid, str(folder))]
