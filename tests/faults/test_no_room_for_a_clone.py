"""A full disk while clones are made: those that fit are whole, the others say why, nothing half is left."""

import subprocess

import pytest

from bases.models import BaseImage
from bases.services import Facts, Source, base_register
from clones.models import Clone
from clones.services import clone_create
from clones.survey import site_surveyed
from clones.wanted import Wanted
from cowweb.errors import DomainError
from hosts.jobs import work
from hosts.services import local_driver

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(tmp_path):
    """Makes a folder a file system of this size."""
    mounted = []

    def mount(folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]).returncode:
            pytest.skip("needs the right to mount a file system")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_clones_that_do_not_fit_fail_with_the_reason_and_leave_nothing(site, demo, actor, small):
    small(site.COWWEB_CLONES, "160k")
    asked = [clone_create(Wanted(base="demo", name=f"c{n}", start=False), actor=actor) for n in range(12)]
    for one in asked:
        work(one.job.pk)
    clones = {clone.status: clone for clone in Clone.objects.all()}
    assert set(clones) == {"stopped", "failed"}
    assert "No space left on device" in clones["failed"].failure
    for clone in Clone.objects.all():
        assert clone.folder.exists() is (clone.status == "stopped")
        if clone.status == "stopped":
            assert local_driver().image_check(clone.disk).clean
    assert site_surveyed() == 0


def test_with_room_again_the_next_clone_is_made(site, demo, actor, small):
    small(site.COWWEB_CLONES, "8k")
    first = clone_create(Wanted(base="demo", name="first", start=False), actor=actor)
    work(first.job.pk)
    first.clone.refresh_from_db()
    assert first.clone.status == "failed"
    subprocess.run(["mount", "-o", "remount,size=4m", str(site.COWWEB_CLONES)], check=True)
    second = clone_create(Wanted(base="demo", name="second", start=False), actor=actor)
    work(second.job.pk)
    second.clone.refresh_from_db()
    assert second.clone.status == "stopped"


def test_an_image_that_does_not_fit_into_the_store_is_refused_and_nothing_is_kept(site, image, actor, small):
    small(site.COWWEB_STORE, "64k")
    with pytest.raises(DomainError, match="full; nothing was kept"):
        base_register(name="demo", source=Source(image), facts=Facts(), actor=actor)
    assert list(site.COWWEB_STORE.iterdir()) == []
    assert BaseImage.objects.get().status == "failed"
