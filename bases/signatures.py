"""Publishers' signatures over their checksums, checked where this machine has the publisher's keys.

The keys are those of a package (the catalogue says which), or what a curator put into the folder `keyrings`
of the data folder: `<image>.gpg`, `<image>.asc`, or named for the publisher's host.

Example::

    keyring_of(image)                # None: there is no key, and the digest alone is checked
"""

import base64
import binascii
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from bases.catalogue import Image
from cowweb.errors import DomainError
from hosts.drivers.errors import DriverError
from hosts.drivers.gpgv import Signed, signature_read

SUFFIXES = (".gpg", ".asc")
BEGIN, END = b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"-----END PGP PUBLIC KEY BLOCK-----"


def keyring_of(image: Image) -> Path | None:
    """A curator's file goes before a package's: it is the narrower choice."""
    folder = Path(settings.COWWEB_KEYRINGS)
    mine = [folder / f"{name}{suffix}" for name in (image.key, image.publisher) for suffix in SUFFIXES]
    packaged = [Path(image.keyring)] if image.keyring else []
    return next((path for path in (*mine, *packaged) if path.is_file()), None)


def how_checked(image: Image) -> str:
    """In words, before anything is fetched."""
    if not image.is_signed:
        return "by digest only: no signature over its checksums is known here"
    keyring = keyring_of(image)
    if keyring:
        return f"by digest and signature, with the keys of {keyring.name}"
    package = f"install {image.keyring_package}, or " if image.keyring_package else ""
    return f"by digest only until its keys are here: {package}put them into keyrings/{image.key}.asc"


def signed_text(text: bytes, signature: bytes | None, keyring: Path) -> Signed:
    """What the publisher signed; refused where no good signature by one of the keys is there."""
    try:
        with binary(keyring) as keys:
            return signature_read(text, keyring=keys, signature=signature)
    except (DriverError, OSError) as error:
        raise DomainError(
            f"The publisher's checksums were refused with the keys of {keyring.name}: {error}",
            field="digest",
        ) from None


@contextmanager
def binary(keyring: Path) -> Iterator[Path]:
    """The keyring as gpgv reads it: an armoured one is unpacked for the time."""
    data = keyring.read_bytes()
    if BEGIN not in data:
        yield keyring
        return
    with tempfile.NamedTemporaryFile(prefix="cowweb-keys-", suffix=".gpg") as file:
        file.write(unpacked(data, keyring.name))
        file.flush()
        yield Path(file.name)


def unpacked(data: bytes, name: str) -> bytes:
    """The keys of all blocks of an armoured file. gpgv looks at what they are."""
    found = b""
    for block in data.split(BEGIN)[1:]:
        lines = block.partition(END)[0].replace(b"\r", b"").split(b"\n")
        body = lines[lines.index(b"", 1) + 1 :] if b"" in lines[1:] else lines
        try:
            found += base64.b64decode(
                b"".join(line for line in body if not line.startswith(b"=")), validate=True
            )
        except binascii.Error:
            raise DomainError(f"{name} is no armoured keyring", field="digest") from None
    return found
