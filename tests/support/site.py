"""A real site in processes of its own: `manage.py serve` and `manage.py cow` on one data folder.

Example::

    site = Site(folder); site.up()
    site.admin.command("clone base=demo name=web")       # over HTTP
    site.cow("list")                                     # in a shell, beside the server
    site.kill_server(); site.serve()                     # as a crash, and what comes after it
    site.end()                                           # removes its clones; no QEMU is left
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from hosts.drivers.adopt import running_machines
from hosts.drivers.lifecycle import kill
from tests.support.database import new_database
from tests.support.http import Person
from tests.support.websocket import WebSocket

CHECKOUT = Path(__file__).resolve().parents[2]
UP_S = 240


def wait_until(true: Callable[[], Any], *, timeout_s: float = 120, every_s: float = 0.1) -> Any:
    """Waits for something to be so; what it was at last is shown when it never is."""
    until = time.monotonic() + timeout_s
    while not (found := true()):
        assert time.monotonic() < until, f"not so within {timeout_s} s"
        time.sleep(every_s)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Site:
    def __init__(self, data: Path, cache: Path, **env: str) -> None:
        self.data, self.port = data, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.env = {**os.environ, "COWWEB_DATA": str(data), "COWWEB_CACHE": str(cache), **env}
        self.env["COWWEB_READY_TIMEOUT_S"] = str(int(promised(180)))
        self.env.setdefault("COWWEB_STOP_GRACE_S", str(int(promised(10))))
        self.memory = Path(f"/dev/shm/cowweb-tests-{os.getpid()}-{self.port}")
        self.env["COWWEB_MEMORY"] = str(self.memory)
        self.server: subprocess.Popen[bytes] | None = None

    # Its processes

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "manage.py", *words]

    def manage(self, *words: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=timeout_s
        )

    def cow(self, line: str, *options: str) -> dict[str, Any]:
        """One command in a shell; its object."""
        done = self.manage("cow", line, "--json", *options)
        assert done.stdout, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if result["success"] else 1)
        return result

    def up(self) -> None:
        """As `make run` does: migrates, prepares, serves. A database of its own kind begins as all others do."""
        if "DATABASE_URL" not in self.env:
            new_database(self.data)
        self.start("up")

    def serve(self) -> None:
        self.start("serve")

    def start(self, word: str) -> None:
        with (self.data.parent / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                self.argv(word, "--port", str(self.port)), cwd=CHECKOUT, env=self.env, stdout=log, stderr=log
            )
        wait_until(self.answers, timeout_s=UP_S)

    def answers(self) -> bool:
        assert self.server and self.server.poll() is None, self.log
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def log(self) -> str:
        return (self.data.parent / "server.log").read_text()

    def kill_server(self) -> None:
        """As a crash: nothing is said, nothing is put in order."""
        assert self.server
        self.server.send_signal(signal.SIGKILL)
        self.server.wait(10)

    def end(self) -> None:
        """Removes the clones by the site's own means, ends the server and whatever machine is left."""
        with suppress(OSError, ValueError, KeyError, AssertionError):
            for name in [vm["name"] for vm in self.admin.command("list")["vms"]]:
                self.admin.command(f"remove name={name}")
        if self.server and self.server.poll() is None:
            self.server.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.server.wait(15)
            self.server.kill()
            self.server.wait(10)
        for record in running_machines(self.data):
            kill(record)
        shutil.rmtree(self.memory, ignore_errors=True)

    # Its people

    @cached_property
    def password(self) -> str:
        return (self.data / "administrator.password").read_text().strip()

    @cached_property
    def admin(self) -> Person:
        return Person(self.address, "admin", self.password)

    def socket(self, path: str, *, person: Person | None = None, origin: str | None = None) -> WebSocket:
        return WebSocket(self.port, path, cookies=(person or self.admin).cookies, origin=origin)

    # Its facts

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What the database says, past all our own code."""
        with closing(
            sqlite3.connect(f"file:{self.data / 'db.sqlite3'}?mode=ro", uri=True, timeout=20)
        ) as base:
            base.row_factory = sqlite3.Row
            return [dict(row) for row in base.execute(query, values)]

    def row(self, query: str, *values: object) -> dict[str, Any]:
        return self.rows(query, *values)[0]

    def clone(self, name: str) -> dict[str, Any]:
        return self.row("SELECT * FROM clones_clone WHERE name = ? ORDER BY id DESC", name)

    def run(self, pk: int) -> dict[str, Any]:
        return self.row("SELECT * FROM provisioning_run WHERE id = ?", pk)

    def newest_run(self) -> int:
        return int(self.row("SELECT coalesce(max(id), 0) AS id FROM provisioning_run")["id"])

    def qemu_pid(self, name: str) -> int:
        return int(json.loads(self.clone(name)["record"])["pid"])

    def template(self) -> None:
        """Has demo's template built, so that its clones go on from memory and our agent is in them."""
        built = self.admin.command("build_template base=demo")
        assert built["success"], built
        ready = "SELECT count(*) AS count FROM pools_template WHERE status = 'ready'"
        wait_until(lambda: self.row(ready)["count"], timeout_s=promised(120))

    def script(self, name: str, text: str) -> str:
        """A script where the site takes files from; its path in commands."""
        path = self.data / "import" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    def order(self, script_name: str, text: str, **form: str) -> int:
        """Runs a script as the page does, without waiting; the run's id."""
        before = self.newest_run()
        self.admin.post("/runs/new/", script=text, script_name=script_name, **form)
        pk = self.newest_run()
        assert pk > before, "the run was refused"
        return pk

    def run_over(self, pk: int, *, timeout_s: float = 240) -> dict[str, Any]:
        """The run's row once it has ended."""
        wait_until(lambda: self.run(pk)["ended_at"], timeout_s=timeout_s)
        return self.run(pk)


def promised(seconds: float) -> float:
    """A promise about time, as it can be held to on a machine whose processors others use as well."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
