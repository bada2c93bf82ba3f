"""Images of an import folder: offered on the page, taken as a new base or the next revision, through the gate."""

import os

import pytest
from django.test import Client

from bases.models import BaseImage, Import
from tests.support.jobs import worked

pytestmark = pytest.mark.slow
TAKE = "/bases/_imports/_path/"


@pytest.fixture
def browser(admin):
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def folder(site):
    return site.COWWEB_IMPORT_FOLDERS[0]


def test_an_image_of_the_folder_is_offered_and_becomes_a_base(browser, image, folder):
    name = str(image.relative_to(folder))
    assert f'<option value="{name}">' in browser.get("/bases/_imports/").content.decode()
    answer = browser.post(TAKE, {"name": "web", "path": name, "memory": "256M"})
    arriving = Import.objects.get()
    assert answer.url == f"/bases/_imports/{arriving.pk}/"
    worked()
    arriving.refresh_from_db()
    assert (arriving.state, arriving.failure) == ("done", "")
    assert (arriving.received, arriving.size) == (image.stat().st_size,) * 2
    base = BaseImage.objects.get()
    assert (base.status, base.memory_mb, base.current.origin) == ("ready", 256, f"{name} (import folder)")
    assert image.exists() and not arriving.path.exists()


def test_it_becomes_the_next_revision_of_a_base_that_is_there(browser, demo, second_image, folder):
    browser.post(TAKE, {"name": "demo", "path": str(second_image.relative_to(folder))})
    worked()
    assert BaseImage.objects.get(name="demo").current.number == 2


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "is outside the import folders"),
        ("../secret.key", "There is no file"),
        ("nothing.qcow2", "There is no file"),
        ("empty.qcow2", "size=0 is not from 1"),
        ("linked.qcow2", "is a link that leads out of the import folders: put the file itself there"),
        ("etc/passwd", "is a link that leads out"),
        ("etc/../../secret.key", "There is no file"),
    ],
)
def test_what_is_no_file_of_the_folder_is_refused_at_its_field(browser, folder, path, words):
    (folder / "empty.qcow2").touch()
    (folder / "linked.qcow2").symlink_to("/etc/passwd")
    (folder / "etc").symlink_to("/etc")
    answer = browser.post(TAKE, {"name": "web", "path": path})
    assert (answer.status_code, Import.objects.exists()) == (422, False)
    assert words in answer.content.decode()


def test_a_file_with_another_name_elsewhere_is_not_taken(browser, image, folder):
    os.link(image, folder / "twice.qcow2")
    browser.post(TAKE, {"name": "web", "path": "twice.qcow2"})
    worked()
    assert "hard links" in Import.objects.get().failure
    assert not BaseImage.objects.exists()


def test_a_member_takes_nothing(member, image):
    client = Client()
    client.force_login(member)
    assert client.post(TAKE, {"name": "web", "path": image.name}).status_code == 403
    assert not Import.objects.exists()
