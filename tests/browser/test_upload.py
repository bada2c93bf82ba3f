"""An image is uploaded in chunks from a browser, interrupted by a reload, goes on, and ends inspected."""

import os
import re
import subprocess

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import PATIENCE_MS

pytestmark = [pytest.mark.guest, pytest.mark.browser]
expect.set_options(timeout=PATIENCE_MS)
CHUNK = 4 << 20
HALF_WAY = re.compile(r"Uploading: [34]\d %")
OFFSET = re.compile(r"offset=(\d+)")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A real qcow2 of some chunks, of what does not compress."""
    folder = tmp_path_factory.mktemp("upload")
    raw, made = folder / "raw", folder / "mine.qcow2"
    raw.write_bytes(os.urandom(2 * CHUNK + CHUNK // 2))
    argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(made)]
    subprocess.run(argv, check=True, timeout=60)
    return made


@pytest.fixture
def wire(page):
    """Writes down where each chunk began; holds back those after `most`, as a slow line would."""

    class Wire:
        most, offsets = 0, []

        def heard(self, route: Route) -> None:
            self.offsets.append(int(OFFSET.search(route.request.url)[1]))
            if len(self.offsets) <= self.most:
                route.continue_()

    found = Wire()
    page.route(re.compile(r"/chunk/"), found.heard)
    return found


def test_an_upload_that_a_reload_cuts_off_goes_on_where_it_was(page, served, image, wire, picture):
    wire.most = 1
    page.goto("/bases/_imports/")
    page.locator("#up-file").set_input_files(image)
    page.locator("#up-name").fill("uploaded")
    picture(page, "import-upload")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page).to_have_url(re.compile(r"/_imports/\d+/$"))
    expect(page.get_by_text(HALF_WAY)).to_be_visible()
    while len(wire.offsets) < 2:
        page.wait_for_timeout(50)
    assert wire.offsets == [0, CHUNK]

    wire.most, wire.offsets = 100, []
    page.reload()
    expect(page.locator("[data-upload-words]")).to_contain_text("Choose mine.qcow2 again")
    expect(page.locator("#import-state")).to_contain_text("4 MiB of 10")
    picture(page, "import-interrupted")
    page.get_by_label("The same file").set_input_files(image)
    expect(page.locator("#import-state")).to_contain_text("uploaded@1 is approved")
    assert wire.offsets == [CHUNK, 2 * CHUNK]
    picture(page, "import-done")
    page.goto("/bases/uploaded/?tab=revisions")
    for words in ("Draft", "Inspected", "Approved", "mine.qcow2"):
        expect(page.locator("main")).to_contain_text(re.compile(words, re.IGNORECASE))


def test_another_file_than_the_one_that_was_begun_is_not_taken(page, served, image, wire, tmp_path):
    wire.most = 1
    page.goto("/bases/_imports/")
    page.locator("#up-file").set_input_files(image)
    page.locator("#up-name").fill("other")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text(HALF_WAY)).to_be_visible()
    page.reload()
    another = tmp_path / "mine.qcow2"
    another.write_bytes(image.read_bytes()[:-1])
    wire.offsets = []
    page.get_by_label("The same file").set_input_files(another)
    expect(page.locator("[data-upload-words]")).to_contain_text("That is another file")
    assert wire.offsets == []
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("[data-confirm-yes]").click()
    expect(page.locator("#import-state")).to_contain_text(re.compile("Cancelled", re.IGNORECASE))


def test_what_is_no_image_is_refused_with_the_reason(page, served, tmp_path):
    wrong = tmp_path / "notes.qcow2"
    wrong.write_bytes(b"not an image" * 1000)
    page.goto("/bases/_imports/")
    page.locator("#up-file").set_input_files(wrong)
    page.locator("#up-name").fill("notes")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page).to_have_url(re.compile(r"/_imports/\d+/$"))
    expect(page.get_by_role("alert")).to_contain_text("qcow2")
