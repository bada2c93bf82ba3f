"""A PostgreSQL and a Redis of the test's own, from Debian's packages: nothing is installed, all of it goes.

Example::

    with Postgres() as database, Redis() as redis:
        env = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from tests.support.site import free_port, wait_until

STARTS_S = 90
AS = "nobody"  # PostgreSQL does not run as root


def postgres_programs() -> Path | None:
    """The newest of the versions that are installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def redis_program() -> str | None:
    return shutil.which("redis-server")


class Daemon:
    """A process in a folder of its own, which goes with it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cowweb-test-"))  # a socket's path has to be short
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.argv(), stdout=log, stderr=log, cwd=self.folder, **self.who()
            )
        wait_until(self.answers, timeout_s=STARTS_S, every_s=0.05)

    def argv(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def who(self) -> dict[str, int]:
        return {}

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
            self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()


class Postgres(Daemon):
    """Reached over a socket in its folder alone."""

    def __init__(self) -> None:
        super().__init__()
        self.programs = postgres_programs()
        assert self.programs
        if who := self.who():
            os.chown(self.folder, who["user"], who["group"])
        self.folder.chmod(0o755)
        initdb = ["--no-sync", "-A", "trust", "-U", "cowweb", "-E", "UTF8", "--locale=C.UTF-8", "-D"]
        argv = [str(self.programs / "initdb"), *initdb, str(self.folder / "data")]
        subprocess.run(argv, check=True, capture_output=True, cwd=self.folder, **who)

    def who(self) -> dict[str, int]:
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam(AS)
        return {"user": nobody.pw_uid, "group": nobody.pw_gid}

    def argv(self) -> list[str]:
        sockets = ["-k", str(self.folder), "-h", ""]
        quick = ["-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-N", "150"]
        return [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *sockets, *quick]

    def answers(self) -> bool:
        assert self.process and self.process.poll() is None, (self.folder / "log").read_text()
        ask = [str(self.programs / "psql"), "-h", str(self.folder), "-U", "cowweb", "-c", "", "postgres"]
        return subprocess.run(ask, capture_output=True).returncode == 0

    @property
    def url(self) -> str:
        return f"postgres://cowweb@{quote(str(self.folder), safe='')}/postgres"

    def made(self, name: str) -> str:
        """The address of a new, empty database."""
        ask = ["-h", str(self.folder), "-U", "cowweb", name]
        subprocess.run([str(self.programs / "createdb"), *ask], check=True, capture_output=True)
        return f"postgres://cowweb@{quote(str(self.folder), safe='')}/{name}"


class Redis(Daemon):
    """On loopback, at a port of its own, with nothing kept on disk."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()

    def argv(self) -> list[str]:
        program = redis_program()
        assert program
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as asked:
            asked.sendall(b"PING\r\n")
            return asked.recv(16).startswith(b"+PONG")
        time.sleep(0.02)
        return False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
