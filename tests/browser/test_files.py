"""Files into a guest and out of it from the page, which shows what comes of it by itself and keeps what is typed."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.guest, pytest.mark.browser]


def test_the_files_tab_shows_what_arrives_while_something_is_typed(page, served):
    assert served.admin.command("clone base=demo name=files")["success"]
    page.goto("/clones/files/?tab=files")
    folder, copies = page.locator("#clone-folder"), page.locator("#clone-copies")
    expect(folder).to_contain_text(".ssh")
    go, into = page.get_by_label("Folder in the guest"), page.get_by_label("Into the folder")
    go.fill("/typed")
    page.locator("#files-files").set_input_files(
        {"name": "new.txt", "mimeType": "text/plain", "buffer": b"12345"}
    )
    page.get_by_role("button", name="Send").click()
    into.fill("/elsewhere")
    expect(folder).to_contain_text("new.txt")
    expect(copies).to_contain_text("Done")
    assert (go.input_value(), into.input_value()) == ("/typed", "/elsewhere")
    page.get_by_label("Copy new.txt out").click()
    with page.expect_download() as download:
        copies.get_by_role("link", name="Save").click()
    assert Path(download.value.path()).read_bytes() == b"12345"
    assert (go.input_value(), into.input_value()) == ("/typed", "/elsewhere")
    assert served.admin.command("remove name=files")["success"]
