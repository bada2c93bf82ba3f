"""However many processes ask at the same time, a spare is handed out once."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.database import new_database

pytestmark = pytest.mark.slow

SPARES, PROCESSES = 40, 4
# Each child asks until there is none left; what it got, it says in one line.
PROGRAM = f"""
import json, os, sys
import django
django.setup()
from django.db import connection
from bases.models import BaseImage, BaseRevision
from pools.demand import asked_once
from pools.models import Pool, Spare, Template
from pools.spares import spare_taken
base = BaseImage.objects.create(name="demo")
revision = BaseRevision.objects.create(base=base, number=1, digest="0" * 64, virtual_size=1, file_size=1)
template = Template.objects.create(revision=revision, memory_mb=64, cpus=1, fingerprint="f", status="ready")
Pool.objects.create(base=base, minimum=1)
for _ in range({SPARES}):
    Spare.objects.create(template=template, status="ready")
connection.close()
children = []
for _ in range({PROCESSES}):
    child = os.fork()
    if not child:
        mine = []
        while spare := spare_taken(template):
            mine.append(spare.pk)
            asked_once(base.pk, found=True)
        asked_once(base.pk, found=False)
        os.write(1, (json.dumps(mine) + chr(10)).encode())
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
pool = Pool.objects.get()
print(json.dumps([pool.taken, pool.missed]))
"""


def test_processes_that_ask_at_once_never_get_the_same_spare(tmp_path):
    new_database(tmp_path)
    env = {**os.environ, "COWWEB_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    *each, counted = [json.loads(line) for line in done.stdout.splitlines()]
    got = [spare for mine in each for spare in mine]
    assert len(each) == PROCESSES
    assert len(got) == len(set(got)) == SPARES
    assert counted == [SPARES, PROCESSES]
    assert sum(bool(mine) for mine in each) > 1  # they did ask at the same time
