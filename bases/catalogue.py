"""Well-known cloud images, and what their publishers say of them. The data is `catalogue.toml`.

Example::

    image = image_named("debian-12")
    digest_published(image, network=internet()).digest      # "sha512:…", from the publisher, now
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from bases.checksums import digest_in
from bases.fetching import Network, text_fetched
from cowweb.errors import NotFoundError

FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class Image:
    key: str
    name: str
    os: str
    url: str
    sums: str
    format: str
    algorithm: str
    ssh_user: str
    signature: str = ""
    signed: bool = False
    renamed: bool = False
    keyring: str = ""
    keyring_package: str = ""

    @property
    def publisher(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_signed(self) -> bool:
        return bool(self.signature or self.signed)


@dataclass(frozen=True, slots=True)
class Published:
    digest: str
    said_by: str
    signature: str


@cache
def catalogue() -> tuple[Image, ...]:
    with FILE.open("rb") as file:
        return tuple(Image(key=key, **facts) for key, facts in tomllib.load(file).items())


def image_named(key: str) -> Image:
    for image in catalogue():
        if image.key == key:
            return image
    known = ", ".join(image.key for image in catalogue())
    raise NotFoundError(f"The catalogue has no image {key} (known: {known})", field="image")


def digest_published(image: Image, *, network: Network) -> Published:
    """The digest that the publisher's own file gives, over TLS from the publisher's host."""
    text = text_fetched(image.sums, network=network)
    name = image.url.rpartition("/")[2]
    renamed = image.renamed or image.format == "bare"
    digest = digest_in(text, file=name, form=image.format, algorithm=image.algorithm, renamed=renamed)
    unchecked = "The publisher signs its checksums; the signature was not checked" if image.is_signed else ""
    return Published(digest, image.sums, unchecked)
