"""The newcomer's path: a base, a clone, a script watched live, and what is on record of it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, sign_in

pytestmark = [pytest.mark.guest, pytest.mark.browser]
LINES = 25
SCRIPT = f"""#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-cpus: %s
# kvm-infra-timeout: 300
i=0
while [ $i -lt {LINES} ]; do i=$((i + 1)); echo "line $i of the run"; sleep 0.5; done
"""
EXPECTED = [f"line {number} of the run" for number in range(1, LINES + 1)]
HELD = "(document.querySelector('[data-log]').cowLog.lines.rows(0) ?? []).map(row => row[2])"
ALL_HELD = f"{HELD}.length === document.querySelector('[data-log]').cowLog.lines.count"
expect.set_options(timeout=PATIENCE_MS)


def complete(page):
    page.locator("[data-log-state][data-state=done]").wait_for()
    page.wait_for_function(ALL_HELD)
    return page.evaluate(HELD)


def test_a_stranger_is_asked_to_sign_in_and_lands_where_they_wanted(browser, served, picture):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{served.address}/bases/")
        expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/bases/"))
        picture(page, "sign-in")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        sign_in(page, served)


def test_a_clone_appears_at_once_and_comes_to_run_without_a_reload(page, another_page, served, picture):
    page.goto("/clones/")
    page.evaluate("window.neverReloaded = true")
    another_page.goto("/bases/")
    demo = another_page.locator("article", has_text="demo").first
    expect(demo).to_contain_text("Ready")
    expect(demo).to_contain_text("memory")
    picture(another_page, "bases-with-demo")
    another_page.get_by_label("Options for a clone of demo").click()
    another_page.locator("#clone-demo-options").get_by_label("Name").fill("newcomer")
    another_page.locator("#clone-demo-options").get_by_role("button", name="Clone demo").click()

    row = page.locator("tr", has_text="newcomer")
    expect(row).to_contain_text(re.compile("Creating|Starting"))
    picture(page, "clones-while-starting")
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text(re.compile(r"\d (ms|s)"))
    assert page.evaluate("window.neverReloaded") is True
    picture(page, "clones-running")


def test_the_clones_page_says_how_to_get_in_and_what_can_be_done(page, served, picture):
    page.goto("/clones/newcomer/")
    expect(page.locator("#clone-head")).to_contain_text("Running")
    expect(page.locator("#clone-head")).to_contain_text(re.compile(r"ssh -i \S+ -p \d+ root@127.0.0.1"))
    for word in ("disk", "start", "ready"):
        expect(page.locator("#clone-head")).to_contain_text(re.compile(word, re.IGNORECASE))
    for verb in ("Stop", "Pause", "Restart", "Remove"):
        expect(page.get_by_role("button", name=verb, exact=True)).to_be_visible()
    picture(page, "clone")
    page.goto("/clones/newcomer/?tab=console")
    expect(page.locator("[data-console]")).not_to_be_empty()
    picture(page, "clone-console")


def test_pausing_and_removing_change_the_page_that_is_open(page, served, picture):
    page.goto("/clones/newcomer/")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator("#clone-head")).to_contain_text("Paused")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator("#clone-head")).to_contain_text("Running")
    page.get_by_role("button", name="Remove", exact=True).click()
    yes = page.locator("[data-confirm-yes]")
    picture(page, "clone-remove-asked")
    yes.click()
    expect(page).to_have_url(re.compile(r"/clones/$"))
    expect(page.locator("tr", has_text="newcomer")).to_have_count(0)


def test_a_script_is_mended_run_and_watched_by_two_who_both_see_all_of_it(
    page, another_page, served, picture
):
    page.goto("/runs/new/")
    page.locator("[data-script-name]").fill("newcomer.sh")
    page.locator("#id_script").fill(SCRIPT % "many")
    expect(page.locator("#machine-asked")).to_contain_text("Line 3")
    run = page.get_by_role("button", name=re.compile("^Run on a new clone"))
    expect(run).to_be_disabled()
    picture(page, "run-new-with-a-problem")
    page.locator("#id_script").fill(SCRIPT % "1")
    expect(run).to_be_enabled()
    expect(run).to_contain_text("demo")
    picture(page, "run-new")
    run.click()

    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    expect(page.locator("[data-log-count]")).to_contain_text("lines")
    expect(page.locator("#run-head")).to_contain_text("Running")
    assert len(page.evaluate(HELD)) < LINES, "the output came only at the end"
    picture(page, "run-running")
    page.reload()
    another_page.goto(page.url)
    assert complete(page) == EXPECTED
    assert complete(another_page) == EXPECTED
    expect(page.locator("#run-head")).to_contain_text("Succeeded")
    expect(page.locator("#run-head")).to_contain_text("exit status 0")
    expect(another_page.locator("#run-side")).to_contain_text("Wait until ready")
    picture(page, "run-succeeded")
    page.set_viewport_size({"width": 1024, "height": 400})  # less than the log's height
    page.goto(f"{page.url}#L3")  # a deep link, and the way back
    page.get_by_role("button", name="Jump to latest").click()
    expect(page.get_by_role("button", name="Jump to latest")).to_be_hidden()


def test_a_run_that_failed_says_where_and_why_and_the_ways_on(page, served, picture):
    page.goto("/runs/new/?script=fails.sh")
    page.get_by_role("button", name=re.compile("^Run on a new clone")).click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The script ended with exit status 3")
    expect(alert).to_contain_text("in phase Script")
    expect(alert.get_by_role("button", name="Run again")).to_be_visible()
    assert complete(page)[-1] == "Giving up"
    picture(page, "run-failed")
    log = page.locator("[data-log-space]")
    served.admin.command(f"retry run={served.newest_run()}")  # by another, while the page is open
    expect(log).to_contain_text("Attempt 2: goes on from Script")
    expect(page.locator("[data-log-state]")).to_contain_text("Complete")
    assert complete(page)[-1] == "Giving up"


def test_the_command_bar_runs_a_command(page, served, picture):
    page.goto("/")
    page.keyboard.press("Control+k")
    bar = page.locator("#palette-input")
    bar.fill("list_b")
    expect(page.locator("#palette-suggest")).to_contain_text("list_bases")
    picture(page, "palette")
    bar.fill("list_bases")
    bar.press("Enter")
    expect(page.locator("#palette-result")).to_contain_text("demo")
    picture(page, "palette-result")


def test_the_command_bar_says_how_a_run_ended(page, served, picture):
    page.goto("/")
    page.keyboard.press("Control+k")
    page.locator("#palette-input").fill("provision script=fails.sh after=remove")
    page.locator("#palette-input").press("Enter")
    said = page.locator("#palette-result [role=status].note")
    expect(said).to_contain_text("has begun")
    expect(said).to_contain_text("The script ended with exit status 3")
    expect(said).to_have_class("note note-bad")
    picture(page, "palette-run-failed")


def test_the_audit_lists_who_did_what(page, served):
    served.admin.command("clone base=nothing")
    page.goto("/audit/")
    for words in ("list_bases", "clone", "provision", "remove", "Refused", "Failed"):
        expect(page.locator("#audit-live")).to_contain_text(words)


def test_a_curator_marks_a_base_deprecated(page, served, picture):
    page.goto("/admin/bases/baseimage/")
    picture(page, "admin-bases")

    def act(words):
        page.locator("tr", has_text="demo").locator("input[name=_selected_action]").check()
        page.locator("select[name=action]").select_option(label=words)
        page.get_by_role("button", name=re.compile("^(Go|Run)$")).click()

    act("Deprecate: still usable, no longer recommended")
    page.goto("/bases/")
    expect(page.locator("article", has_text="demo").first).to_contain_text("Deprecated")
    page.goto("/admin/bases/baseimage/")
    act("Take the deprecation back")
    page.goto("/bases/")
    expect(page.locator("article", has_text="demo").first).to_contain_text("Ready")


def test_back_from_a_run_comes_to_the_script_as_it_was_typed(page):
    page.goto("/runs/new/")
    page.get_by_role("textbox", name="Script", exact=True).fill(
        "# kvm-infra-use: demo\n# kvm-infra-memory: 160M\necho typed\n"
    )
    asked = page.locator("#machine-asked")
    expect(asked).to_contain_text("160 MiB")
    page.get_by_role("button", name="Run on a new clone of demo").click()
    page.wait_for_url(re.compile(r"/runs/\d+/"))
    page.go_back()
    expect(page.get_by_role("textbox", name="Script", exact=True)).to_have_value(re.compile("echo typed"))
    expect(asked).to_contain_text("160 MiB")
    expect(asked.get_by_role("button", name="Run on a new clone of demo")).to_be_enabled()
