"""An agent that runs on this host, with a folder for its root and a socket for its port."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.agent import wire
from hosts.drivers.agent.wire import Type


@dataclass
class HostAgent:
    folder: Path  # has its agent.sock
    root: Path
    process: subprocess.Popen

    def rss_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])


@contextlib.contextmanager
def host_agent(binary: Path, folder: Path) -> Iterator[HostAgent]:
    root = folder / "root"
    root.mkdir(exist_ok=True)
    # a long path is no path for a socket, so it is started in its folder
    argv = [binary, "--listen", "agent.sock", "--root", root]
    with subprocess.Popen(argv, cwd=folder) as process:
        try:
            until((folder / "agent.sock").exists)
            yield HostAgent(folder, root, process)
        finally:
            process.kill()


def until(fact: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@contextlib.contextmanager
def lying_agent(folder: Path, lies: Callable[[socket.socket, bytes], None]) -> Iterator[None]:
    """Greets as an agent does, then hands the socket and the host's next bytes to `lies`."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "agent.sock"))
    server.listen(1)

    def serve() -> None:
        with contextlib.suppress(OSError):
            client, _ = server.accept()
            with client:
                heard = b""
                hello = wire.encode(Type.HELLO, 0, bytes(18))
                while len(heard) < len(wire.FILLER) + len(hello):
                    heard += client.recv(65536)
                nonce = heard[len(wire.FILLER) + wire.HEAD.size + 2 :][: wire.NONCE_BYTES]
                client.sendall(wire.encode(Type.WELCOME, 0, b"CoWWeb\x01\0" + nonce))
                lies(client, client.recv(65536))
                client.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)
