"""A site of its own, served by `manage.py serve` as anyone would, with its data in a folder that goes away.

Example::

    with served(folder) as site:
        site.done("rows", 1000)             # what `bench.inside` does with the site's own code
        page = site.get("/clones/")
        site.post("/clones/_create/", base="demo", name="web")
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.machines import cache_folder
from hosts.drivers.load import ACCELERATOR_CACHE

CHECKOUT = Path(__file__).resolve().parent.parent
UP_S = 180.0
CSRF = "b" * 32


@dataclass(frozen=True, slots=True)
class Site:
    data: Path
    environment: dict[str, str]
    port: int
    cookie: str
    pid: int

    def done(self, verb: str, *words: object) -> Any:
        """What a verb of `bench.inside` answers, run beside the server on the same database."""
        return inside(self.environment, verb, *words)

    def get(self, path: str) -> bytes:
        return self._asked("GET", path, None)

    def post(self, path: str, **fields: object) -> bytes:
        return self._asked("POST", path, urlencode({**fields, "csrfmiddlewaretoken": CSRF}))

    def _asked(self, method: str, path: str, body: str | None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=UP_S)
        headers = {"Cookie": self.cookies, "Content-Type": "application/x-www-form-urlencoded"}
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            page = answer.read()
        if answer.status not in (200, 302):
            raise AssertionError(f"{method} {path}: {answer.status}")
        return page

    @property
    def cookies(self) -> str:
        return f"cowweb_session={self.cookie}; csrftoken={CSRF}"


@contextlib.contextmanager
def served(data: Path) -> Iterator[Site]:
    """Migrates, makes an administrator and their session, serves; everything is ended and removed after."""
    data.mkdir(parents=True)
    probed = cache_folder() / "bench" / ACCELERATOR_CACHE
    if probed.exists():
        shutil.copy(probed, data)  # the same host and kernel: the verdict holds there too
    environment = {**os.environ, "COWWEB_DATA": str(data), "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
    run([sys.executable, "manage.py", "migrate", "-v", "0"], environment)
    cookie = inside(environment, "signed_in")
    port = free_port()
    with (data / "serve.log").open("wb") as log:
        argv = [sys.executable, "manage.py", "serve", "--port", str(port)]
        server = subprocess.Popen(argv, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
    try:
        wait_open(port, server)
        yield Site(data, environment, port, cookie, server.pid)
    finally:
        server.terminate()
        server.wait(30)
        inside(environment, "cleared")


def inside(environment: dict[str, str], verb: str, *words: object) -> Any:
    argv = [sys.executable, "-m", "bench.inside", verb, *map(str, words)]
    return json.loads(run(argv, environment))


def run(argv: list[str], environment: dict[str, str]) -> bytes:
    done = subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True)
    if done.returncode:
        raise AssertionError(f"{' '.join(argv[1:])}: {done.stderr.decode()[-2000:]}")
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_open(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + UP_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError("the site did not come up")
