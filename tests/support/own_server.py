"""A server of a test's own, written as a program that is given its port.

Example::

    with served(PROGRAM) as port:
        socket.create_connection(("127.0.0.1", port))
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.site import free_port, wait_until


@contextmanager
def served(program: str) -> Iterator[int]:
    """Its port, as soon as it listens."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", program, str(port)]) as server:
        try:
            wait_until(lambda: is_open(port), timeout_s=60)
            yield port
        finally:
            server.kill()


def is_open(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0
