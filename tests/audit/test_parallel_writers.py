"""Several processes write at once, into one chain."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.database import new_database

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
WRITERS, COMMANDS = 3, 25
WRITE = f"""
import django; django.setup()
from audit.services import SYSTEM, operation
for number in range({COMMANDS}):
    with operation(SYSTEM, "clone", target=f"clone:web-{{number}}"):
        pass
"""
LOOK = """
import django; django.setup()
from audit.models import AuditEntry
from audit.verify import verified
verdict = verified()
print(verdict.wrong, verdict.entry, verdict.records, len(set(AuditEntry.objects.values_list("pk", flat=True))))
"""


@pytest.fixture
def environment(tmp_path):
    """A database of its own: an empty file, or a schema that goes away again."""
    found = {**os.environ, "COWWEB_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("postgres"):
        found["DATABASE_URL"] = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dwriters"
        subprocess.run(["psql", url, "-qc", "CREATE SCHEMA writers"], check=True)
        run(found, "manage.py", "migrate", "-v", "0")
    else:
        new_database(tmp_path)
    yield found
    if url.startswith("postgres"):
        subprocess.run(["psql", url, "-qc", "DROP SCHEMA writers CASCADE"], check=True, capture_output=True)


def run(environment, *words):
    done = subprocess.run(
        [sys.executable, *words], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_parallel_writers_make_one_chain(environment):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE], cwd=CHECKOUT, env=environment) for _ in range(WRITERS)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * WRITERS
    entries = WRITERS * COMMANDS
    assert run(environment, "-c", LOOK) == f"{entries} {2 * entries} {entries}"
