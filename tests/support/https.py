"""A TLS server of our own on 127.0.0.1, with names of its own, for what asks the Internet.

Example::

    with https_server({"/disk.qcow2": data}) as server:
        fetched("https://images.test/disk.qcow2", path, limits, on_progress=…, network=server.network)
"""

import contextlib
import datetime
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bases.fetching import Network

Answer = bytes | Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    port: int
    certificate: Path
    names: dict[str, list[str]]
    asked: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    @property
    def network(self) -> Network:
        """Names lead here; what is allowed is this server alone."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        return Network(resolve=self.resolve, allows=self.allows, context=lambda: context)

    def resolve(self, host: str, port: int) -> list[str]:
        if host not in self.names:
            raise OSError(-2, "Name or service not known")
        return self.names[host]

    def allows(self, address: str) -> bool:
        return address == "127.0.0.1"

    def url(self, path: str, host: str = "images.test") -> str:
        return f"https://{host}:{self.port}{path}"


def certificate(folder: Path, names: tuple[str, ...] = ("images.test", "mirror.test")) -> tuple[Path, Path]:
    """For these names, signed by itself: its authority is the file as well."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "site.crt", folder / "site.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, *kind))
    return crt, pem


@contextlib.contextmanager
def https_server(answers: dict[str, Answer]) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(f"{self.headers['Host'].split(':')[0]}{self.path}")
            answer = answers.get(self.path)
            if callable(answer):
                answer(self)
            elif answer is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    with tempfile.TemporaryDirectory() as folder:
        crt, pem = certificate(Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, pem)
        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listening.handle_error = lambda request, address: None  # type: ignore[method-assign]
        listening.socket = context.wrap_socket(
            listening.socket, server_side=True, do_handshake_on_connect=False
        )
        names = {"images.test": ["127.0.0.1"], "mirror.test": ["127.0.0.1"]}
        server = Server(listening.server_address[1], crt, names)
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            listening.server_close()
            thread.join(5)


def redirect(to: str, status: int = 302) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer
