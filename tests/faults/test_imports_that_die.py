"""An import whose process is killed: nothing half is used or kept, and the name can be used again."""

import os
import subprocess
import sys
import time

import pytest

from bases.models import BaseImage, Import
from bases.services import Facts, Source, base_register
from bases.store import arriving_in
from bases.uploads import chunk_received, uploads_completed
from clones.survey import site_surveyed
from cowweb.errors import NameTakenError
from hosts.jobs import this_worker
from hosts.models import Finding
from tests.bases.test_imports import upload
from tests.support.jobs import worked
from tests.support.site import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
COPIES = """
import os, django
from pathlib import Path
django.setup()
from bases import store
store.copied = lambda source, target: (target.write_bytes(b"half"), print(target.name, flush=True), input())
store.keep(Path(os.devnull), "qcow2")
"""


def test_half_a_copy_goes_once_its_maker_is_dead_and_not_before(site):
    env = {**os.environ, "COWWEB_DATA": str(site.COWWEB_DATA), "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", COPIES], env=env, **pipes) as maker:
        try:
            half = site.COWWEB_STORE / maker.stdout.readline().strip()
            assert site_surveyed() == 0 and half.read_bytes() == b"half"
        finally:
            maker.kill()
            maker.wait()
    wait_until(lambda: site_surveyed() == 0 and not half.exists(), timeout_s=10)
    assert Finding.objects.get().state == "repaired"


def test_what_only_looks_like_half_a_copy_is_left_and_reported(site, monkeypatch):
    monkeypatch.setattr("clones.unknown.YOUNG_S", -1.0)
    like = site.COWWEB_STORE / ".arriving-precious"
    like.write_bytes(b"somebody's")
    mine = arriving_in(site.COWWEB_STORE)
    mine.write_bytes(b"under way")
    time.sleep(0.01)
    assert site_surveyed() == 1
    assert like.exists() and mine.exists()


def test_a_base_whose_importer_died_has_failed_and_is_registered_again(site, image, actor):
    BaseImage.objects.create(name="demo", importer="another-boot 1 1")
    living = BaseImage.objects.create(name="other", importer=this_worker())
    site_surveyed()
    died = BaseImage.objects.get(name="demo")
    assert (died.status, "register it again" in died.failure) == ("failed", True)
    living.refresh_from_db()
    assert living.status == "provisioning"
    assert base_register(name="demo", source=Source(image), facts=Facts(), actor=actor).status == "ready"
    with pytest.raises(NameTakenError):
        base_register(name="other", source=Source(image), facts=Facts(), actor=actor)


def test_who_registers_at_once_need_not_wait_for_the_reconciler(image, actor):
    BaseImage.objects.create(name="demo", importer="another-boot 1 1")
    assert base_register(name="demo", source=Source(image), facts=Facts(), actor=actor).status == "ready"


def test_an_upload_that_came_whole_before_the_server_died_goes_on(actor, image, site, monkeypatch):
    data = image.read_bytes()
    arriving, other = upload(data, actor), upload(data, actor, name="other")
    monkeypatch.setattr("bases.uploads.received_all", lambda arriving: None)
    chunk_received(arriving, offset=0, chunk=data, actor=actor)
    chunk_received(other, offset=0, chunk=data[:1000], actor=actor)
    monkeypatch.undo()
    assert (arriving.refresh_from_db(), arriving.state)[1] == "receiving"
    assert [uploads_completed(), uploads_completed()] == [1, 0]
    worked()
    states = [Import.objects.get(pk=one.pk).state for one in (arriving, other)]
    assert states == ["done", "receiving"]
