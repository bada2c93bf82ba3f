"""Boots a built guest the plain way: QEMU, a throw-away overlay, identity by fw_cfg, ssh from outside."""

import contextlib
import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosts.drivers.build import BuiltGuest
from hosts.drivers.records import BootKind


@dataclass
class Booted:
    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    started: float = field(default_factory=time.monotonic)

    def ssh(
        self, command: str, *more: str, key: str = "login", timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        options = [
            f"UserKnownHostsFile={self.folder}/known_hosts",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "LogLevel=ERROR",
            f"ConnectTimeout={timeout_s:g}",
        ]
        argv = ["ssh", "-F", "none", *more, "-i", str(self.folder / key), "-p", str(self.port)]
        argv += [part for option in options for part in ("-o", option)]
        return subprocess.run(
            [*argv, "root@127.0.0.1", command], capture_output=True, text=True, timeout=timeout_s
        )

    def out(self, command: str) -> str:
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}: {done.stderr}\n{self.console()}"
        return done.stdout.strip()

    def wait_login(self, deadline_s: float) -> float:
        """Seconds from the start of QEMU until a command was answered."""
        while time.monotonic() - self.started < deadline_s:
            assert self.process.poll() is None, f"QEMU ended\n{self.console()}"
            if self._greets() and self.ssh("true").returncode == 0:
                return time.monotonic() - self.started
            time.sleep(0.05)
        raise AssertionError(f"no login within {deadline_s} s\n{self.console()}")

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                # Patience grows: each try costs the guest a process, and hasty ones can keep a slow one busy.
                connection.settimeout(1 + (time.monotonic() - self.started) / 8)
                return connection.recv(8).startswith(b"SSH")
        except OSError:
            return False

    def console(self) -> str:
        return (self.folder / "console").read_text(errors="replace")[-3000:]

    def agent(self, command: str) -> Any:
        return self._ask("agent", command)[-1]

    def monitor(self, command: str) -> None:
        self._ask("monitor", "qmp_capabilities", command)

    def _ask(self, name: str, *commands: str) -> list[Any]:
        """The answers, one for each command; greetings and events are passed over."""
        answers: list[Any] = []
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            link.connect(str(self.folder / name))
            with link.makefile("rw") as lines:
                for command in commands:
                    lines.write(json.dumps({"execute": command}) + "\n")
                    lines.flush()
                    answers.append(next(answer for answer in map(json.loads, lines) if "return" in answer))
        return answers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_keys(folder: Path) -> None:
    for name in ("login", "stranger", "host"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
        )


@contextlib.contextmanager
def booted(
    guest: BuiltGuest,
    folder: Path,
    *,
    memory_mb: int = 0,
    boot_kind: BootKind | None = None,
) -> Iterator[Booted]:
    if not (folder / "login").exists():
        make_keys(folder)
    port = free_port()
    host_public = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_public}\n")
    overlay = folder / "overlay.qcow2"
    if not overlay.exists():
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(guest.disk), "-F", "qcow2", str(overlay)],
            check=True,
        )
    argv = qemu_argv(guest, folder, overlay, port, memory_mb or guest.memory_mb, boot_kind or guest.boot_kind)
    with (folder / "qemu.err").open("wb") as errors:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=errors)
    try:
        yield Booted(process, folder, port)
    finally:
        process.kill()
        process.wait()


def qemu_argv(
    guest: BuiltGuest, folder: Path, overlay: Path, port: int, memory_mb: int, boot_kind: BootKind
) -> list[str]:
    given = {
        "hostname": folder / "hostname",
        "authorized_key": folder / "login.pub",
        "host_key": folder / "host",
    }
    (folder / "hostname").write_text(folder.name)
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "tcg"]
    argv += [
        "-uuid",
        str(uuid.uuid4()),
        "-cpu",
        "max",
        "-m",
        str(memory_mb),
        "-smp",
        str(guest.cpus),
        "-display",
        "none",
    ]
    argv += ["-serial", f"file:{folder}/console", "-qmp", f"unix:{folder}/monitor,server=on,wait=off"]
    argv += ["-chardev", f"socket,id=qga,path={folder}/agent,server=on,wait=off"]
    argv += ["-chardev", "null,id=own", "-device", "virtio-serial-pci", "-device", "virtio-rng-pci"]
    argv += ["-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"]
    argv += ["-device", "virtserialport,chardev=own,name=org.cowweb.agent.0"]
    argv += ["-drive", f"file={overlay},if=virtio,format=qcow2"]
    argv += [
        "-netdev",
        f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22",
        "-device",
        "virtio-net-pci,netdev=net,romfile=",
    ]
    for name, path in given.items():
        argv += ["-fw_cfg", f"name=opt/cowweb/{name},file={path}"]
    if boot_kind is BootKind.KERNEL:
        argv += ["-kernel", str(guest.kernel), "-initrd", str(guest.initrd), "-append", guest.cmdline]
    return argv


def cache_folder() -> Path:
    return Path(os.environ.get("COWWEB_CACHE") or Path.home() / ".cache/cowweb")
