"""A terminal in a real browser, to a real guest."""

import pytest

pytestmark = [pytest.mark.guest, pytest.mark.browser]


def test_a_person_types_in_a_guest_and_sees_its_answer(served, page, picture):
    made = served.admin.command("clone base=demo name=term")
    assert made["success"], made
    page.goto("/clones/term/")
    page.get_by_role("link", name="Terminal").click()
    page.get_by_text("Connected").wait_for()
    page.keyboard.type("stty size; hostname; echo $((6*7))-ok\n")
    page.locator(".xterm-rows", has_text="42-ok").wait_for()
    text = page.locator(".xterm-rows").inner_text()
    rows = page.evaluate("document.querySelector('.xterm-rows').children.length")
    assert f"\n{rows} " in text and "\nterm\n" in text, text
    picture(page, "terminal")
    page.keyboard.type("exit\n")
    page.get_by_text("The shell has ended").wait_for()
    assert served.admin.command("remove name=term")["success"]
