"""Taking a file over, byte for byte, up to a limit, through redirects that are each looked at."""

import contextlib
import hashlib
import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

from bases.fetching.network import FetchError, Network, checked_url, connected, internet

BLOCK = 1 << 20
REDIRECTS = 5
MOVED = {301, 302, 303, 307, 308}
AGENT = "CoWWeb image import"
MOST_TEXT = 1 << 20
TOLD_EVERY_S = 0.5


class Stopped(Exception):
    """Whoever was told of the progress does not want any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come, and how long the whole may take."""

    most_bytes: int
    seconds: float = 6 * 3600


@dataclass(frozen=True, slots=True)
class Fetched:
    url: str  # where the redirects led to
    size: int
    sha256: str
    sha512: str


Progress = Callable[[int, int], None]  # received, to come in all (0: not known); raises Stopped


def fetched(
    url: str, path: Path, limits: Limits, *, on_progress: Progress, network: Network | None = None
) -> Fetched:
    """The file at this address, written to a new file; what came before a failure is left to the caller."""
    with answered(url, network or internet()) as (final, answer), path.open("wb") as file:
        total = announced(answer, limits)
        on_progress(0, total)
        size, sha256, sha512 = taken(answer, file, limits, total, on_progress)
    if total and size != total:
        raise FetchError(f"The connection ended after {size:,} of {total:,} bytes", field="url")
    return Fetched(final, size, sha256, sha512)


def small_fetched(url: str, *, network: Network | None = None) -> bytes:
    """A small file, such as one of checksums."""
    with answered(url, network or internet()) as (_, answer):
        limits = Limits(MOST_TEXT, seconds=60)
        announced(answer, limits)
        data = answer.read(MOST_TEXT + 1)
    if len(data) > MOST_TEXT:
        raise FetchError(f"{url} is more than {MOST_TEXT:,} bytes, no file of checksums", field="url")
    return data


def taken(
    answer: http.client.HTTPResponse, file: BinaryIO, limits: Limits, total: int, on_progress: Progress
) -> tuple[int, str, str]:
    """Reads to the end. The limit counts what comes, whatever was announced."""
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    until, told = time.monotonic() + limits.seconds, 0.0
    try:
        while block := answer.read1(BLOCK):
            size += len(block)
            if size > limits.most_bytes:
                raise too_large(limits)
            file.write(block)
            sha256.update(block)
            sha512.update(block)
            now = time.monotonic()
            if now > until:
                raise FetchError(f"It took more than {limits.seconds:.0f} s", field="url")
            if now - told >= TOLD_EVERY_S:
                told = now
                on_progress(size, total)
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"The connection broke after {size:,} bytes: {error}", field="url") from None
    on_progress(size, total)
    return size, sha256.hexdigest(), sha512.hexdigest()


def announced(answer: http.client.HTTPResponse, limits: Limits) -> int:
    """How much is to come, refused where that is too much; 0 where it is not said."""
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("The server packs what it sends; its file could not be told from that", field="url")
    text = answer.getheader("Content-Length", "")
    total = int(text) if text.isascii() and text.isdecimal() else 0
    if total > limits.most_bytes:
        raise too_large(limits)
    return total


def too_large(limits: Limits) -> FetchError:
    return FetchError(f"It is more than this site takes: {limits.most_bytes:,} bytes", field="url")


@contextlib.contextmanager
def answered(url: str, network: Network) -> Iterator[tuple[str, http.client.HTTPResponse]]:
    """The address that answered, and its answer."""
    first = url
    for _ in range(REDIRECTS + 1):
        parts, connection = reached(url, first, network)
        try:
            with asked(connection, parts) as answer:  # which has the socket, where the server will close it
                if answer.status in MOVED:
                    url = urljoin(url, answer.getheader("Location", ""))
                    continue
                if answer.status != http.client.OK:
                    said = f"{parts.hostname} answered {answer.status} {answer.reason}"
                    raise FetchError(said, field="url")
                yield url, answer
                return
        finally:
            connection.close()
    raise FetchError(f"More than {REDIRECTS} redirects", field="url")


def reached(url: str, first: str, network: Network) -> tuple[SplitResult, http.client.HTTPSConnection]:
    """A connection to where this address leads; says who led there, where that is not who was asked first."""
    try:
        parts = checked_url(url)
        return parts, connected(network, parts)
    except FetchError as error:
        if url == first:
            raise
        raise FetchError(
            f"{urlsplit(first).hostname} redirects to {url[:200]!r}: {error}", field="url"
        ) from None


def asked(connection: http.client.HTTPSConnection, parts: SplitResult) -> http.client.HTTPResponse:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    try:
        connection.request("GET", target, headers=headers)
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{parts.hostname} gave no answer: {error}", field="url") from None
