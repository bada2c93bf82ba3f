"""Only what a process wrote counts as its own, however much it has read."""

import mmap
import subprocess
import sys

import pytest

from hosts.drivers.machine_args import RAM
from hosts.drivers.memory_use import NOTHING, mapped_use, memory_use, ram_file

MIB = 1 << 20
READER = """
import mmap, sys
size = 8 << 20
with open(sys.argv[1], "r+b") as file:
    memory = mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE)
for page in range(0, size, mmap.PAGESIZE):
    memory[page]                       # all of it is read
for page in range(0, 1 << 20, mmap.PAGESIZE):
    memory[page] = 1                   # one MiB of it is written
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path):
    """A process that maps a file as QEMU maps a template's memory, and names it as QEMU's argument does."""
    file = tmp_path / "template.ram"
    file.write_bytes(b"\1" * 8 * MIB)
    ram = f'{{"qom-type": "memory-backend-file", "id": "{RAM}", "mem-path": "{file}"}}'
    argv = [sys.executable, "-c", READER, str(file), "-object", ram]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"ready\n"
        yield child
        child.kill()


def test_pages_that_were_only_read_are_not_private(machine):
    use = memory_use(machine.pid)
    assert (use.private_bytes, use.mapped_bytes) == (MIB, 8 * MIB)


def test_a_file_that_was_unlinked_still_counts():
    head = "7f0000000000-7f0000800000 rw-p 00000000 00:1b 17 /dev/shm/a b.ram (deleted)\n"
    use = mapped_use(head + "Size: 8192 kB\nAnonymous: 12 kB\nSwap: 4 kB\n", "/dev/shm/a b.ram")
    assert (use.private_bytes, use.mapped_bytes) == (16 * 1024, 8 * MIB)


def test_a_machine_with_ordinary_memory_shares_nothing():
    with subprocess.Popen(["sleep", "60"]) as child:
        use = memory_use(child.pid)
        child.kill()
    assert use.mapped_bytes == 0
    assert use.private_bytes % mmap.PAGESIZE == 0


def test_a_process_that_is_gone_uses_nothing():
    assert memory_use(2**22 + 1) == NOTHING


def test_other_json_arguments_are_no_memory():
    assert ram_file(["qemu", '{"driver": "qcow2"}', f'{{"id": "{RAM}", "size": 1}}', "-m"]) is None
