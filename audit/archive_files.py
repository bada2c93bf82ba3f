"""Sealed files of old records: compressed JSON Lines, which verify as the part of the chain that they are.

A first line says which part of which chain it is, then come the records, and a last line seals what was
before it.
"""

import gzip
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from audit.chain import canonical
from audit.models import Archive
from audit.seal import folder, seal_of
from audit.walk import Record, Wrong

KIND = "cowweb-audit-1"
MODE = 0o440


def file_of(archive: Archive) -> Path:
    return folder() / archive.name


def archive_written(name: str, header: dict[str, Any], records: Iterable[Record]) -> tuple[str, Record]:
    """Writes the file under a name that is free; the SHA-256 of it, and its last record."""
    fresh = folder() / f".{name}.{secrets.token_hex(4)}"
    last: Record | None = None
    try:
        with fresh.open("xb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
                digest = hashlib.sha256()
                for line in lines(header, records):
                    last = line if isinstance(line, Record) else last
                    text = (as_text(line) + "\n").encode()
                    digest.update(text)
                    out.write(text)
                out.write((canonical({"seal": seal_of(digest.hexdigest())}) + "\n").encode())
            raw.flush()
            os.fsync(raw.fileno())
        fresh.chmod(MODE)
        os.link(fresh, folder() / name)
    finally:
        fresh.unlink(missing_ok=True)
    if last is None:
        raise ValueError("an archive of nothing")
    return file_sha256(folder() / name), last


def lines(header: dict[str, Any], records: Iterable[Record]) -> Iterator[dict[str, Any] | Record]:
    yield {"kind": KIND, **header}
    yield from records


def as_text(line: dict[str, Any] | Record) -> str:
    if isinstance(line, Record):
        return canonical({**line.said, "previous": line.previous, "hash": line.hash})
    return canonical(line)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def archived(archive: Archive) -> Iterator[Record]:
    """The records of an archive; Wrong where the file is not the one that was sealed."""
    path = file_of(archive)
    if not path.exists():
        raise Wrong(f"the archive {archive} is missing: it has entries up to {archive.last_entry}")
    if file_sha256(path) != archive.sha256:
        # which record it is, is said by the chain where the file can still be read
        yield from records_in(path)
        raise Wrong(f"the archive {archive} is not the file that was sealed")
    yield from records_in(path)


def records_in(path: Path) -> Iterator[Record]:
    digest, seal = hashlib.sha256(), ""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, text in enumerate(file):
                line = json.loads(text)
                if "seal" in line:
                    seal = line["seal"]
                    continue
                digest.update(text.encode())
                if number:
                    yield Record(line, line.pop("previous"), line.pop("hash"))
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise Wrong(f"the archive {path.name} cannot be read: {type(error).__name__}") from None
    if not hmac.compare_digest(seal, seal_of(digest.hexdigest())):
        raise Wrong(f"the archive {path.name} was not sealed by this site")
