"""Images and a base with two revisions."""

import subprocess

import pytest
from django.contrib.auth.models import User

from audit.models import Via
from audit.services import Actor
from bases.services import Source, base_revise


@pytest.fixture
def second_image(site):
    path = site.COWWEB_IMPORT_FOLDERS[0] / "second.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "20M"], check=True)
    return path


@pytest.fixture
def demo_2(demo, second_image, actor):
    """The base `demo` with a second revision, which is stable."""
    return base_revise(name="demo", source=Source(second_image), actor=actor)


@pytest.fixture
def other_curator(db):
    return Actor(user=User.objects.create_user("cora", password="x", is_staff=True), via=Via.WEB)
