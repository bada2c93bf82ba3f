"""Unix sockets in a folder whose path may be longer than the 108 bytes that an address may have.

The folder is opened and the socket is addressed through it, so only the socket's own name counts.

Example::

    with listening(folder, "qmp.sock") as server, connected(folder, "qmp.sock", timeout_s=1) as client:
        ...
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from hosts.drivers.errors import TimedOut, Unreachable

BACKLOG = 16
TIMEVAL = struct.Struct("@ll")


@contextlib.contextmanager
def short_address(folder: Path, name: str) -> Iterator[str]:
    """An address for `folder/name` that is short; valid inside the block."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def listening(folder: Path, name: str) -> socket.socket:
    """A listening socket, mode 0600, in place of a stale one. The caller closes it."""
    (folder / name).unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_address(folder, name) as address:
            server.bind(address)
        (folder / name).chmod(0o600)
        server.listen(BACKLOG)
    except BaseException:
        server.close()
        raise
    return server


def connected(folder: Path, name: str, *, timeout_s: float) -> socket.socket:
    """A connected socket with this timeout set; Unreachable when nobody listens. The caller closes it."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    _limit_sending(client, timeout_s)  # QEMU lets few wait; a socket with a timeout would not queue at all
    try:
        with short_address(folder, name) as address:
            client.connect(address)
    except (TimeoutError, BlockingIOError):
        client.close()
        raise TimedOut(f"{name} did not take a connection within {timeout_s:g} s") from None
    except OSError as error:
        client.close()
        raise Unreachable(f"{name} cannot be reached: {error.strerror}") from error
    _limit_sending(client, 0)
    client.settimeout(timeout_s)
    return client


def _limit_sending(client: socket.socket, seconds: float) -> None:
    """The kernel's own deadline for a blocking connect; 0 for none."""
    client.setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDTIMEO, TIMEVAL.pack(int(seconds), int(seconds % 1 * 1e6))
    )
