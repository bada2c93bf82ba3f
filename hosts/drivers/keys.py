"""A clone's own keys, made on the host in a fraction of a millisecond and never shared.

Two ed25519 pairs: one to log in with, one that the guest's SSH server proves itself with. Making them here
spares the guest 0.2 to 6 seconds and lets the host pin the key before the guest has booted.

Example::

    spec = MachineSpec(..., identity=make_identity("web-1", "root"))
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from hosts.drivers.errors import Refused
from hosts.drivers.records import Identity


def make_identity(hostname: str, ssh_user: str) -> Identity:
    """A fresh identity; no two calls return the same keys."""
    login_key, login_public = key_pair(f"{ssh_user}@{hostname}")
    host_key, host_public = key_pair(hostname)
    return Identity(hostname, ssh_user, login_key, login_public, host_key, host_public)


def key_pair(comment: str) -> tuple[str, str]:
    """An ed25519 pair as OpenSSH writes them: the private text and the public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private.decode(), f"{public.decode()} {comment}"


def public_of(private: str) -> str:
    """The public line of a private key. Raises Refused where the text is no such key."""
    try:
        key = load_ssh_private_key(private.encode(), password=None)
    except ValueError as error:
        raise Refused(f"a key that cannot be read: {error}") from error
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
