"""Small makers that driver tests share."""

import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hosts.drivers.records import AcceleratorVerdict

TCG = AcceleratorVerdict("tcg", "tests emulate")


def key_pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def make_image(path: Path, size: str = "16M") -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), size], check=True)
    return path


def fed_and_answered(guest) -> None:
    """Each answer is fed only once its question was printed."""
    said: list[bytes] = []
    fed: list[bytes] = []

    def feed() -> bytes | None:
        asked = b"".join(said).count(b"?")
        if asked <= len(fed):
            return None
        fed.append(b"" if asked == 3 else b"answer %d\n" % asked)
        return fed[-1]

    script = "read first; echo $first?; read a; echo got $a?; read b; echo got $b?; cat; echo end"
    result = guest.run(
        script, stdin=b"start\n", feed=feed, on_output=lambda _s, data: said.append(data), timeout_s=20
    )
    assert result.exit_code == 0
    assert b"".join(said) == b"start?\ngot answer 1?\ngot answer 2?\nend\n"
