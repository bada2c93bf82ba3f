"""Guests for the benchmarks, by the driver alone: booted, cloned from a saved one's memory, kept as spares.

Example::

    with bed(folder, "tiny") as place:
        saved = place.saved()
        alive, times = place.cloned(saved)     # times: ms until running, identity, command
        place.ended(alive)
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from hosts.drivers.agent import AgentGuest, agent_binary, install
from hosts.drivers.base import Driver, Guest
from hosts.drivers.build import BuiltGuest, GuestKind, build_guest
from hosts.drivers.errors import DriverError
from hosts.drivers.keys import make_identity
from hosts.drivers.load import ACCELERATOR_CACHE, driver_for
from hosts.drivers.records import Boot, MachineSpec, Memory, Started

READY_S = 600.0
AGENT_S = 60.0
REST_S = 2.0
SPARE_REST_S = 0.2  # as a pool lets its own
WARM = ("hostname", "cat /proc/uptime", "true", "id", "date")
SYSTEM_IS_UP = "! command -v systemctl >/dev/null || timeout 60 systemctl is-system-running --wait"
MEMORY_FILES = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Saved:
    """A booted guest's disk layer, memory and devices: what clones go on from."""

    disk: Path
    memory: Path
    state: Path
    build_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Alive:
    spec: MachineSpec
    started: Started


@dataclass
class Times:
    """Milliseconds from the request."""

    start: float = field(default_factory=time.perf_counter)
    marks: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str) -> None:
        self.marks[name] = (time.perf_counter() - self.start) * 1000

    def __getitem__(self, name: str) -> float:
        return self.marks[name]


def cache_folder() -> Path:
    """Where the site keeps built guests."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cowweb"
    return Path(os.environ.get("COWWEB_CACHE") or usual).resolve()


def said(line: str) -> None:
    print(f"  {line}", flush=True)


@contextlib.contextmanager
def bed(folder: Path, kind: GuestKind) -> Iterator["Bed"]:
    """A folder for machines of this guest, each of them confined as a site's is. Whatever still runs in it at
    the end is ended."""
    built = build_guest(kind, cache=cache_folder(), progress=said)
    with (
        tempfile.TemporaryDirectory(prefix="cowweb-bench-", dir=MEMORY_FILES) as memory,
        machines_in(folder, "clones", stored(built, folder / "store"), Path(memory)) as place,
    ):
        yield place


@contextlib.contextmanager
def machines_in(data: Path, name: str, guest: BuiltGuest, memory: Path) -> Iterator["Bed"]:
    """The same in a folder of this name within a site's."""
    probed = cache_folder() / "bench" / ACCELERATOR_CACHE
    if probed.exists():
        shutil.copy(probed, data)  # the same host and kernel: the verdict holds here too
    driver = driver_for("qemu", data=data, probe_kernel=lambda: guest.kernel, memory=memory)
    folder = data / name
    folder.mkdir(parents=True)
    try:
        yield Bed(driver, guest, folder, memory)
    finally:
        probed.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(data / ACCELERATOR_CACHE, probed)
        for record in driver.running(folder):
            driver.kill(record)


def stored(guest: BuiltGuest, store: Path) -> BuiltGuest:
    """The guest's files among those that machines may be lent."""
    store.mkdir(parents=True)
    here = {}
    for name in ("disk", "kernel", "initrd"):
        if path := getattr(guest, name):
            here[name] = store / path.name
            shutil.copyfile(path, here[name])
    return replace(guest, **here)


@dataclass(frozen=True, slots=True)
class Bed:
    driver: Driver
    guest: BuiltGuest
    folder: Path
    memory: Path

    def spec(self, *, boot: Boot | None = None, memory: Memory | None = None) -> MachineSpec:
        """A machine of its own folder, disk and identity."""
        uuid = uuid4()
        name = f"m{uuid.hex[:8]}"
        place = self.folder / uuid.hex[:12]
        return MachineSpec(
            uuid=uuid,
            name=name,
            folder=place,
            disk=place / "disk.qcow2",
            memory_mb=self.guest.memory_mb,
            cpus=self.guest.cpus,
            boot=boot or self.boot,
            identity=make_identity(name, self.guest.ssh_user),
            seed=self.guest.seed,
            memory=memory,
        )

    @property
    def boot(self) -> Boot:
        return Boot(self.guest.boot_kind, self.guest.kernel, self.guest.initrd, self.guest.cmdline)

    def begun(self, spec: MachineSpec, backing: Path) -> Alive:
        spec.folder.mkdir(mode=0o700)
        self.driver.disk_create(spec.disk, backing=backing)
        return Alive(spec, self.driver.start(spec))

    def ended(self, alive: Alive) -> None:
        self.driver.kill(alive.started.record)
        shutil.rmtree(alive.spec.folder, ignore_errors=True)

    def guest_of(self, alive: Alive) -> Guest:
        return self.driver.guest(alive.spec, alive.started.record, alive.started.forwards)

    def booted(self, boot: Boot | None = None) -> Times:
        """A cold boot, to the first command's output."""
        times = Times()
        alive = self.begun(self.spec(boot=boot), self.guest.disk)
        try:
            times.mark("running")
            with self.guest_of(alive) as guest:
                guest.wait_ready(timeout_s=READY_S)
                times.mark("ready")
                answered(guest, alive.spec.name)
            times.mark("command")
        finally:
            self.ended(alive)
        return times

    def saved(self) -> Saved:
        """Boots one, gives it the agent, lets it rest, and saves it."""
        start = time.perf_counter()
        spec = self.spec(memory=Memory(self.memory / f"{uuid4().hex}.ram", shared=True))
        alive = self.begun(spec, self.guest.disk)
        with self.guest_of(alive) as guest:
            guest.wait_ready(timeout_s=READY_S)
            install(guest, agent_binary(cache_folder()))
            with contextlib.suppress(DriverError):
                guest.run(SYSTEM_IS_UP, timeout_s=90)
        with AgentGuest(spec.folder) as agent:
            agent.wait_ready(timeout_s=AGENT_S)
            agent.identify(spec.identity, os.urandom(128), machine_id=spec.uuid, timeout_s=AGENT_S)
            for command in (*WARM, "sync"):
                agent.run(command, timeout_s=AGENT_S)
        time.sleep(REST_S)
        state = spec.folder / "devices.state"
        self.driver.save_and_end(alive.started.record, state)
        for file in (spec.disk, state):
            file.chmod(0o400)  # nobody's own any more: others are lent it
        took = (time.perf_counter() - start) * 1000
        return Saved(spec.disk, spec.memory.file if spec.memory else spec.disk, state, took)

    def cloned(self, saved: Saved) -> tuple[Alive, Times]:
        """A clone of the saved guest's memory, to the first command's output."""
        times = Times()
        spec = self.spec(memory=Memory(saved.memory, shared=False, state=saved.state))
        alive = self.begun(spec, saved.disk)
        times.mark("running")
        self.identified(alive, times)
        return alive, times

    def spare(self, saved: Saved) -> Alive:
        """One that waits: restored, primed once, paused."""
        alive, _ = self.cloned(saved)
        time.sleep(SPARE_REST_S)
        self.driver.pause(alive.started.record)
        return alive

    def taken(self, spare: Alive) -> tuple[Alive, Times]:
        """The same from a spare; it gets another identity than it was primed with."""
        times = Times()
        identity = make_identity(f"t{uuid4().hex[:8]}", self.guest.ssh_user)
        spec = replace(spare.spec, name=identity.hostname, identity=identity)
        alive = Alive(spec, spare.started)
        self.driver.resume(alive.started.record)
        times.mark("running")
        self.identified(alive, times)
        return alive, times

    def identified(self, alive: Alive, times: Times) -> None:
        spec = alive.spec
        with AgentGuest(spec.folder) as agent:
            agent.identify(spec.identity, os.urandom(128), machine_id=uuid4(), timeout_s=AGENT_S)
            times.mark("identity")
            answered(agent, spec.name)
        times.mark("command")


def answered(guest: Guest, name: str) -> None:
    """The first command; its output proves who answered."""
    said_by_guest = guest.run("hostname", timeout_s=AGENT_S).stdout.decode().strip()
    if said_by_guest != name:
        raise AssertionError(f"{name} says that it is {said_by_guest}")


def private_kib(pid: int, memory: Path) -> int:
    """How much of the mapped memory file a machine has copied for itself.

    Not what smaps calls private: a page of the file that just one machine has looked at counts there too.
    """
    total, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, rest = line.partition(":")
        if " " in name:  # a mapping's own line begins with its addresses
            inside = line.endswith(str(memory))
        elif inside and name == "Anonymous":
            total += int(rest.split()[0])
    return total
