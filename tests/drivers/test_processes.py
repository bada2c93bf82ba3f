"""Nothing is called alive, and nothing is signalled, that is not exactly the process that was meant."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hosts.drivers.processes import alive, identify, send_signal, wait_gone
from hosts.drivers.strangers import strangers
from tests.support.site import wait_until

EXIT_THREAD = 60  # the system call of x86-64 that ends one thread only


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def test_a_running_process_is_known_by_pid_start_and_boot(sleeper):
    process = identify(sleeper.pid)
    assert alive(process)
    assert not wait_gone(process, timeout_s=0.05)


@pytest.mark.parametrize("changes", [{"started_ticks": 1}, {"boot_id": "another-boot"}])
def test_a_stranger_with_the_same_pid_is_not_signalled(sleeper, changes):
    stranger = dataclasses.replace(identify(sleeper.pid), **changes)
    assert not alive(stranger)
    assert not send_signal(stranger, signal.SIGKILL)
    assert wait_gone(stranger, timeout_s=5)
    assert sleeper.poll() is None


def test_a_zombie_of_ours_is_gone_and_reaped():
    pid = os.posix_spawnp("true", ["true"], os.environ)
    process = identify(pid)
    assert wait_gone(process, timeout_s=5)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_a_process_is_there_until_its_last_thread_is():
    """As in a QEMU that was just killed: its main thread is dead and its files are still open."""
    program = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start();"
    program += f"ctypes.CDLL(None).syscall({EXIT_THREAD}, 0)"
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        process = identify(child.pid)
        deadline = time.monotonic() + 10
        while "Z" not in Path(f"/proc/{child.pid}/stat").read_text():
            assert time.monotonic() < deadline
        assert alive(process)
        assert not wait_gone(process, timeout_s=0.05)
        assert send_signal(process, signal.SIGKILL)
        assert wait_gone(process, timeout_s=5)


def test_waiting_ends_as_soon_as_the_process_does(sleeper):
    process = identify(sleeper.pid)
    assert send_signal(process, signal.SIGKILL)
    started = time.monotonic()
    assert wait_gone(process, timeout_s=30)
    assert time.monotonic() - started < 5


def test_no_process_has_no_identity():
    assert identify(2**22 + 1) is None


def test_a_program_of_qemu_that_only_listens_in_the_folder_is_a_stranger_there(tmp_path):
    """A socket's descriptor names no path, so its arguments are looked at."""
    (tmp_path / "data").mkdir()
    listens = f"unix:{tmp_path}/data/qmp.sock,server=on,wait=off"
    argv = ["qemu-system-x86_64", "-display", "none", "-nodefaults", "-machine", "none", "-qmp", listens]
    with subprocess.Popen(argv, cwd="/", stderr=subprocess.DEVNULL) as listener:
        try:
            wait_until((tmp_path / "data" / "qmp.sock").exists, timeout_s=30)
            (found,) = strangers(tmp_path / "data", known=set())
            assert (found.process.pid, found.holds) == (listener.pid, (tmp_path / "data" / "qmp.sock",))
            assert strangers(tmp_path / "data", known={listener.pid}) == ()
        finally:
            listener.kill()
