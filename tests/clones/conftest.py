"""Clones of an image that boots nothing: their disks are real, and their machines run without a guest."""

import subprocess
from dataclasses import asdict

import pytest
from django.conf import settings

from bases.models import BaseImage
from bases.services import Facts, Source, base_register
from clones.models import Clone
from clones.services import clone_create
from clones.specs import spec_of
from clones.wanted import Wanted
from hosts.jobs import work
from hosts.services import local_driver
from tests.support.known_images import asked_once, image_at
from tests.support.machines import machines_ended


def image(path, size="64M"):
    return image_at(path, size, written("0", "4M", "0x11"))


def written(at, size, pattern):
    return f"write -P {pattern} {at} {size}"


def write(disk, at, size, pattern):
    command = written(at, size, pattern)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, str(disk)], check=True, capture_output=True)


def shows(disk, at, size, pattern):
    """Whether the disk has this pattern there, seen through all that it stands on."""
    command = f"read -P {pattern} {at} {size}"
    argv = ["qemu-io", "-U", "-r", "-f", "qcow2", "-c", command, str(disk)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return "Pattern verification failed" not in done.stdout


@pytest.fixture
def demo(site, actor) -> BaseImage:
    disk = image(site.COWWEB_IMPORT_FOLDERS[0] / "disk.qcow2")
    with asked_once():
        return base_register(name="demo", source=Source(disk), facts=Facts(memory_mb=64, cpus=1), actor=actor)


@pytest.fixture
def made(demo, actor):
    """Makes a stopped clone of the base, or of another clone."""

    def make(name: str, parent: Clone | None = None, who=actor) -> Clone:
        of = {"parent": parent.name} if parent else {"base": "demo"}
        asked = clone_create(Wanted(name=name, start=False, **of), actor=who)
        work(asked.job.pk)
        return fresh(asked.clone)

    return make


@pytest.fixture
def running(site):
    """Starts a clone's machine without waiting for the guest it does not have."""

    def run(clone: Clone) -> Clone:
        started = local_driver().start(spec_of(clone))
        Clone.objects.filter(pk=clone.pk).update(status="running", record=asdict(started.record))
        return fresh(clone)

    yield run
    machines_ended(settings.COWWEB_CLONES)


def fresh(clone: Clone) -> Clone:
    return Clone.objects.for_list().get(pk=clone.pk)
