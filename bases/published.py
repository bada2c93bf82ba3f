"""What a publisher says of an image now, over TLS from the publisher's host, with the signature checked.

Example::

    digest_published(image, network=internet()).digest      # "sha512:…"
"""

from dataclasses import dataclass

from bases.catalogue import Image
from bases.checksums import digest_in
from bases.fetching import Network, small_fetched
from bases.signatures import how_checked, keyring_of, signed_text


@dataclass(frozen=True, slots=True)
class Published:
    """`signature` says in words what was checked."""

    digest: str
    said_by: str
    signature: str


def digest_published(image: Image, *, network: Network) -> Published:
    data = small_fetched(image.sums, network=network)
    keyring = keyring_of(image) if image.is_signed else None
    checked = f"Checked {how_checked(image)}"
    if keyring:
        detached = small_fetched(image.signature, network=network) if image.signature else None
        signed = signed_text(data, detached, keyring)
        data = signed.text
        checked = f"Signature checked: by {signed.by}, key {signed.fingerprint}"
    name = image.url.rpartition("/")[2]
    renamed = image.renamed or image.format == "bare"
    text = data.decode("utf-8", errors="replace")
    digest = digest_in(text, file=name, form=image.format, algorithm=image.algorithm, renamed=renamed)
    return Published(digest, image.sums, checked)
