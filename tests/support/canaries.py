"""Secrets with names, and every place of a site that is looked through for them.

Example::

    canaries = Canaries(); canaries.add("password", "…")
    with watched(canaries, but={site.server.pid}) as seen:   # processes' arguments and environments meanwhile
        ...
    canaries.found_in(data, "the log")      # ["password in the log"]
"""

import base64
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from urllib.parse import quote

LEAST = 8
PIECE, OVERLAP = 8 * 1024 * 1024, 4096
NOTHING = bytes(4096)  # most of a machine's memory and disk


def disguises(secret: str) -> set[bytes]:
    """The secret and what is as readable: hexadecimal, quoted, and base64 wherever it begins."""
    plain = secret.encode()
    forms = {plain, plain.hex().encode(), quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode()}
    for shift in range(3):
        middle = base64.b64encode(b"\0" * shift + plain)[-(-shift * 8 // 6) : len(plain) * 8 // 6 - 2]
        forms |= {middle, middle.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in forms if len(form) >= LEAST}


@dataclass
class Canaries:
    secrets: dict[str, str] = field(default_factory=dict)
    made: dict[str, tuple[str, set[bytes]]] = field(default_factory=dict)

    def add(self, name: str, secret: str) -> str:
        assert len(secret) >= LEAST, f"{name} is too short to look for"
        self.secrets[name] = secret
        return secret

    def forms(self) -> dict[str, set[bytes]]:
        """Each secret's disguises, made once."""
        for name, secret in list(self.secrets.items()):
            if self.made.get(name, ("",))[0] != secret:
                self.made[name] = (secret, disguises(secret))
        return {name: forms for name, (_, forms) in list(self.made.items())}

    def found_in(self, data: bytes | str, where: str, but: Iterable[str] = ()) -> list[str]:
        text = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        return [
            f"{name} in {where}"
            for name, forms in self.forms().items()
            if name not in but and any(form in text for form in forms)
        ]

    def found_in_file(self, path: Path, but: Iterable[str] = ()) -> list[str]:
        found: set[str] = set()
        with suppress(FileNotFoundError), path.open("rb") as file:
            tail = b""
            while piece := file.read(PIECE):
                found.update(self.found_in((tail + piece).replace(NOTHING, b"\0"), str(path), but))
                tail = piece[-OVERLAP:]
        return sorted(found)


def rows_of(database: Path) -> Iterator[tuple[str, str]]:
    """Every table and all that its rows say, sessions unpacked."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as base:
        names = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            rows = base.execute(f'SELECT * FROM "{name}"').fetchall()
            text = "\n".join(repr(row) for row in rows)
            yield name, text + ("\n".join(unpacked(row[1]) for row in rows) if "session" in name else "")


def unpacked(session: object) -> str:
    """What Django signs, compressed or not, and does not seal."""
    packed = str(session).partition(":")[0] or str(session).split(":")[1]
    with suppress(ValueError, zlib.error):
        data = base64.urlsafe_b64decode(packed.lstrip(".") + "===")
        return (zlib.decompress(data) if packed.startswith(".") else data).decode(errors="replace")
    return ""


def processes(but: set[int]) -> Iterator[tuple[str, bytes]]:
    """All of this machine but these, and what was forked from one of them and is not yet another program."""
    own = {Path(f"/proc/{pid}/cmdline").read_bytes() for pid in but}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) not in but:
            with suppress(OSError):
                line = (folder / "cmdline").read_bytes()
                if line in own:
                    continue
                program = line.partition(b"\0")[0].rpartition(b"/")[2].decode(errors="replace")
                yield f"the arguments of {program}", line
                yield f"the environment of {program}", (folder / "environ").read_bytes()


@contextmanager
def watched(canaries: Canaries, but: set[int]) -> Iterator[dict[str, int]]:
    """Looks at every process again and again; afterwards, which kinds there were, and `found`."""
    seen: dict[str, int] = {}
    over = Event()

    def look() -> None:
        known, secrets = set[bytes](), dict[str, str]()
        while not over.is_set():
            if secrets != canaries.secrets:  # what was known to hold none may hold the new one
                known, secrets = set(), dict(canaries.secrets)
            for where, data in processes(but | {os.getpid()}):
                seen[where] = seen.get(where, 0) + 1
                if data in known:
                    continue
                known.add(data)
                for found in canaries.found_in(data, where):
                    seen[f"FOUND {found}"] = 1
            time.sleep(0.005)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield seen
        finally:
            over.set()
            looking.result()
