"""A base that is ready, and templates and clones as rows: nothing here boots."""

import pytest

from bases.models import BaseImage, BaseRevision
from clones.models import Clone
from hosts.services import local_host
from pools.models import Template


@pytest.fixture
def base(site, db) -> BaseImage:
    base = BaseImage.objects.create(name="demo", memory_mb=128, cpus=1)
    base.current = BaseRevision.objects.create(
        base=base, number=1, digest="0" * 64, virtual_size=2**30, file_size=2**25
    )
    base.status = BaseImage.Status.READY
    base.save()
    return base


@pytest.fixture
def template(base, settings, tmp_path) -> Template:
    settings.COWWEB_MEMORY = tmp_path / "memory"
    settings.COWWEB_TEMPLATES = tmp_path / "templates"
    return template_row(base)


def template_row(base: BaseImage, **fields) -> Template:
    values = {"memory_mb": 128, "cpus": 1, "status": "ready", "memory_bytes": 2**26, "fingerprint": "f"}
    return Template.objects.create(revision=base.current, **(values | fields))


def clone_row(base: BaseImage, owner, name: str, **fields) -> Clone:
    values = {"memory_mb": 128, "cpus": 1, "status": "stopped", "disk_ms": 1, "start_ms": 9, "ready_ms": 0}
    return Clone.objects.create(
        name=name, owner=owner, host=local_host(), revision=base.current, **(values | fields)
    )
