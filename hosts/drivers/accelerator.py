"""Whether KVM is worth using here. That `/dev/kvm` is there and opens does not mean that it works.

On some nested hosts it is a hundred times slower than emulation, or never gets anywhere. So the same
small real workload runs under both, with a deadline taken from emulation, and KVM is used only where it
was faster. The verdict holds for one boot of the host, one QEMU and one kernel.

Example::

    verdict = probe(kernel, cache_file=data / "accelerator.json")
    print(verdict.accelerator, verdict.reason)
"""

import fcntl
import functools
import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from hosts.drivers.errors import DriverError, TimedOut
from hosts.drivers.host_facts import qemu_version
from hosts.drivers.machine_args import CPU, MACHINE, PROGRAM, SANDBOX
from hosts.drivers.private_file import write_private
from hosts.drivers.probe_payload import DEBUG_PORT, EXIT_STATUS, initramfs
from hosts.drivers.process import run
from hosts.drivers.processes import boot_id
from hosts.drivers.records import AcceleratorVerdict

KVM = Path("/dev/kvm")
TCG_DEADLINE_S = 60.0
KVM_FACTOR = 2.0
KVM_MARGIN_S = 1.0
MEMORY = "256M"


def probe(kernel: Path | None, cache_file: Path) -> AcceleratorVerdict:
    """The verdict for this host, measured at most once per boot; other callers wait for it meanwhile."""
    reason = _unopenable()
    if reason:
        return AcceleratorVerdict("tcg", reason)
    if kernel is None:
        return AcceleratorVerdict("tcg", "KVM is there but was not tried yet: no kernel to try it with")
    try:
        return _measured_once(kernel, cache_file)
    except OSError as error:
        return AcceleratorVerdict("tcg", f"KVM is there but could not be tried: {error}")


def _measured_once(kernel: Path, cache_file: Path) -> AcceleratorVerdict:
    cache_file.parent.mkdir(parents=True, exist_ok=True)
    with cache_file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        key = _key(kernel)
        verdict = _remembered(cache_file, key)
        if verdict is None:
            verdict = measure(kernel)
            kept = json.dumps({"key": key, "verdict": asdict(verdict)})
            write_private(cache_file.with_suffix(".new"), kept).rename(cache_file)
        return verdict


def measure(kernel: Path) -> AcceleratorVerdict:
    """Runs the workload under both. Never takes much longer than twice what emulation takes."""
    try:
        tcg_ms = _workload(kernel, "tcg", timeout_s=TCG_DEADLINE_S)
    except DriverError as error:
        return AcceleratorVerdict("tcg", f"KVM was not tried: the workload fails without it ({error})")
    deadline_s = tcg_ms / 1000 * KVM_FACTOR + KVM_MARGIN_S
    try:
        kvm_ms = _workload(kernel, "kvm", timeout_s=deadline_s)
    except TimedOut:
        late = f"not done after {deadline_s:.1f} s, emulation took {tcg_ms:.0f} ms"
        return AcceleratorVerdict("tcg", f"KVM opens but is unusable: {late}", tcg_ms=tcg_ms)
    except DriverError as error:
        return AcceleratorVerdict("tcg", f"KVM opens but does not work: {error}", tcg_ms=tcg_ms)
    return _faster(kvm_ms, tcg_ms)


def _faster(kvm_ms: float, tcg_ms: float) -> AcceleratorVerdict:
    times = f"a kernel started in {kvm_ms:.0f} ms with KVM, in {tcg_ms:.0f} ms without"
    if kvm_ms < tcg_ms:
        return AcceleratorVerdict("kvm", f"KVM works: {times}", kvm_ms, tcg_ms)
    return AcceleratorVerdict("tcg", f"KVM works but is slower: {times}", kvm_ms, tcg_ms)


def _unopenable() -> str | None:
    try:
        os.close(os.open(KVM, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"KVM cannot be used: {KVM} {(error.strerror or 'does not open').lower()}"
    return None


def _workload(kernel: Path, accelerator: Literal["kvm", "tcg"], *, timeout_s: float) -> float:
    """Milliseconds from the start of QEMU until the program in the guest has run."""
    with tempfile.NamedTemporaryFile(prefix="cowweb-probe-") as archive:
        archive.write(initramfs())
        archive.flush()
        started = time.perf_counter()
        try:
            run(_argv(kernel, Path(archive.name), accelerator), timeout_s=timeout_s)
        except DriverError as error:
            if error.exit_code == EXIT_STATUS:
                return (time.perf_counter() - started) * 1000
            raise
    raise DriverError("the guest ended without a sign")


def _argv(kernel: Path, archive: Path, accelerator: Literal["kvm", "tcg"]) -> list[str]:
    return [
        PROGRAM,
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-sandbox", SANDBOX),
        *("-machine", MACHINE, "-accel", accelerator, "-cpu", CPU[accelerator], "-m", MEMORY),
        *("-kernel", str(kernel), "-initrd", str(archive), "-append", "quiet panic=-1"),
        *("-device", f"isa-debug-exit,iobase={DEBUG_PORT:#x},iosize=4"),
    ]


def _key(kernel: Path) -> list[str]:
    facts = kernel.stat()
    return [boot_id(), qemu_version() or "", _digest(kernel, facts.st_mtime_ns, facts.st_size)]


@functools.lru_cache(maxsize=4)
def _digest(kernel: Path, _changed_ns: int, _size: int) -> str:
    """Read once by each process: every start of a machine asks for the verdict."""
    with kernel.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remembered(cache_file: Path, key: list[str]) -> AcceleratorVerdict | None:
    try:
        kept = json.loads(cache_file.read_text())
        return AcceleratorVerdict(**kept["verdict"]) if kept["key"] == key else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
