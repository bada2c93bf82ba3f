"""A websocket client of few lines: text frames of a server we know, with a deadline on everything.

Example::

    with WebSocket(port, "/ws/clones/", cookies="cowweb_session=…") as socket:
        html = socket.receive(timeout_s=5)
"""

import base64
import os
import socket
import struct
import time

TEXT, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x8, 0x9, 0xA, 0x0


class Closed(Exception):
    """The server ended the connection; `code` says why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class WebSocket:
    def __init__(self, port: int, path: str, *, cookies: str = "", origin: str | None = None) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.held = b""
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {origin or f'http://127.0.0.1:{port}'}",
            f"Cookie: {cookies}",
        ]
        self.stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = self.head()
        if " 101 " not in head.splitlines()[0]:
            self.stream.close()
            raise ConnectionRefusedError(head.splitlines()[0])

    def head(self) -> str:
        while b"\r\n\r\n" not in self.held:
            self.more(30)
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        return head.decode("latin-1")

    def more(self, timeout_s: float) -> None:
        self.stream.settimeout(max(timeout_s, 0.001))
        data = self.stream.recv(65536)
        if not data:
            raise Closed(1006)
        self.held += data

    def take(self, count: int, until: float) -> bytes:
        while len(self.held) < count:
            self.more(until - time.monotonic())
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def frame(self, until: float) -> tuple[bool, int, bytes]:
        first, second = self.take(2, until)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self.take(2 if size == 126 else 8, until), "big")
        return bool(first & 0x80), first & 0x0F, self.take(size, until)

    def receive(self, *, timeout_s: float = 30) -> str:
        """The next text; TimeoutError when none comes, Closed when the server ends."""
        until, text = time.monotonic() + timeout_s, b""
        while True:
            final, kind, data = self.frame(until)
            if kind == CLOSE:
                raise Closed(struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005)
            if kind == PING:
                self.send(PONG, data)
            elif kind in (TEXT, CONTINUATION):
                text += data
                if final:
                    return text.decode()

    def send(self, kind: int, data: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.stream.sendall(bytes([0x80 | kind, 0x80 | len(data)]) + mask + masked)

    def close(self) -> None:
        """Without a goodbye, as a laptop that is shut does."""
        self.stream.close()

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
