"""PostgreSQL and Redis by settings alone: the same services, pages and sockets, tested by the same tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
REPRESENTATIVE = [
    "tests/audit/test_chain.py",
    "tests/cowweb/test_jobs.py",
    "tests/cowweb/test_sockets.py",
]
MORE = [
    "tests/audit/test_parallel_writers.py",
    "tests/audit/test_archiving.py",
    "tests/audit/test_looking.py",
    "tests/audit/test_operation.py",
    "tests/audit/test_pages.py",
    "tests/bases/test_registry.py",
    "tests/clones/test_finding_pages.py",
    "tests/people/test_access.py",
    "tests/pools/test_upkeep.py",
    "tests/provisioning/test_library.py",
]
# A thread of a test leaves its connection to the garbage collector, and psycopg warns of that.
LEFT_BY_THREADS = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning")
# Refused before the layer is asked for anything
REFUSED = ("without_signing_in", "another_origin", "path_that_is_none", "does_not_exist")
KEEP_THE_DATABASE = "--reuse-db"  # it goes with its server, and its last connections may outlast a test


@pytest.mark.slow
@pytest.mark.parametrize("files", [REPRESENTATIVE, pytest.param(MORE, marks=pytest.mark.long)])
def test_services_pages_and_sockets_work_on_both(postgres, redis, files):
    env = {**os.environ, "DATABASE_URL": postgres.made(f"tested{len(files)}"), "REDIS_URL": redis.url}
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        KEEP_THE_DATABASE,
        "-k",
        " and ".join(f"not {words}" for words in REFUSED),
        *LEFT_BY_THREADS,
    ]
    done = subprocess.run([*argv, *files], env=env, cwd=CHECKOUT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.guest
def test_a_shell_is_heard_by_an_open_page_through_redis(grown):
    with grown.socket("/ws/clones/") as page:
        page.receive()
        assert grown.cow("clone base=demo name=by-shell no_start=true")["success"]
        while "by-shell" not in page.receive(timeout_s=30):
            pass
    assert grown.admin.command("remove name=by-shell")["success"]
