"""Well-known cloud images. The data is `catalogue.toml`; `bases.published` asks what publishers say of them.

Example::

    image_named("debian-12").sums      # where its publisher says which digest it has
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

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
