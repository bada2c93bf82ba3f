"""A PostgreSQL of the tests' own, where the machine has the programs: on a unix socket, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def program(name: str) -> str:
    found = next((str(place / name) for place in PLACES if (place / name).exists()), shutil.which(name))
    if not found:
        pytest.skip(f"{name} is not there: install the package postgresql")
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """Its address for DATABASE_URL."""
    programs = {name: program(name) for name in ("initdb", "pg_ctl", "createdb")}
    # not below pytest's folder, which every session closes to other users
    folder = tempfile.TemporaryDirectory(prefix="cowweb-postgres-", ignore_cleanup_errors=True)
    with folder as made, served(Path(made), programs) as address:
        yield address


@contextmanager
def served(folder: Path, programs: dict[str, str]) -> Iterator[str]:
    as_user: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data, log = folder / "data", folder / "log"

    def run(*words: str) -> None:
        done = subprocess.run([*as_user, *words], cwd="/", capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    run(programs["initdb"], "-D", str(data), "-A", "trust", "-U", "cowweb", "--no-sync", "-E", "UTF8")
    options = f"-k {folder} -c listen_addresses='' -c max_connections=120 -c fsync=off"
    run(programs["pg_ctl"], "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
    try:
        run(programs["createdb"], "-h", str(folder), "-U", "cowweb", "cowweb")
        yield f"postgres://cowweb@{str(folder).replace('/', '%2F')}/cowweb"
    finally:
        run(programs["pg_ctl"], "-D", str(data), "-m", "immediate", "-w", "stop")
