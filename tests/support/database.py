"""A database that was brought up to date once, for the many sites that tests begin with an empty one.

Example::

    new_database(data)      # before a site's first `migrate`, which then finds nothing to do
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import django
from django.conf import settings

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "db.sqlite3"


def new_database(data: Path) -> None:
    """Puts it where a site with this data folder looks for its own."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated(), data / NAME)


@cache
def migrated() -> Path:
    """Kept beside the built guests for as long as no migration changes."""
    kept = Path(settings.COWWEB_CACHE) / "databases" / f"{digest()}.sqlite3"
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        env |= {"COWWEB_DATA": folder, "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
        argv = [sys.executable, "manage.py", "migrate", "-v", "0"]
        subprocess.run(argv, cwd=CHECKOUT, env=env, check=True, timeout=300)
        (Path(folder) / NAME).rename(kept)
    return kept


def digest() -> str:
    found = hashlib.sha256(django.__version__.encode())
    for path in sorted(CHECKOUT.glob("*/migrations/*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
