"""Workers that are killed at any moment leave nothing that nobody answers for, and no clone without identity."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core import serializers

from pools.models import Template

pytestmark = [pytest.mark.guest, pytest.mark.django_db]
ROUNDS = 24 if os.environ.get("COWWEB_LONG_TESTS") else 6
KILLING = Path(__file__).with_name("killing.py")


def test_killed_at_random_moments_nothing_is_left(memory_site, tmp_path):
    template = Template.objects.get(status="ready")
    base = template.revision.base
    rows = tmp_path / "rows.json"
    rows.write_text(
        serializers.serialize("json", [memory_site.actor.user, base, template.revision, template])
    )
    (tmp_path / "clones").mkdir()
    with tempfile.TemporaryDirectory(prefix="cowweb-test-", dir="/dev/shm") as memory:
        (Path(memory) / template.memory.name).hardlink_to(template.memory)
        env = {**os.environ, "COWWEB_DATA": str(tmp_path), "COWWEB_MEMORY": memory}
        env |= {"DJANGO_SETTINGS_MODULE": "cowweb.settings", "PYTHONPATH": str(Path.cwd())}
        argv = [sys.executable, str(KILLING), str(rows), str(ROUNDS), str(settings.COWWEB_DATA)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert (found["left"], found["machines"]) == ([], 0)
    assert found["memory"] == [found["ram"]]
