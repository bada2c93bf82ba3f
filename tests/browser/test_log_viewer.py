"""The log viewer with a reader who goes up while lines come quickly."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.guest, pytest.mark.browser]

SCRIPT = """#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-timeout: 90
i=0
while [ $i -lt 20000 ]; do echo "tick $i"; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.05; done
"""
FIRST = "Math.min(...[...document.querySelectorAll('.log-row .log-no')].map((a) => Number(a.textContent)))"


def test_a_reader_who_goes_up_stays_there_while_lines_come_quickly(page, served):
    page.goto("/runs/new/")
    page.locator("#id_script").fill(SCRIPT)
    run = page.get_by_role("button", name=re.compile("^Run on a new clone"))
    expect(run).to_be_enabled()
    run.click()
    log, jump = page.locator("[data-log-scroll]"), page.get_by_role("button", name="Jump to latest")
    expect(page.locator("[data-log-count]")).to_contain_text(re.compile(r"\d{3,} lines"))
    for go_up in (lambda: page.mouse.wheel(0, -300), lambda: page.keyboard.press("PageUp")):
        log.hover()
        go_up()
        expect(jump).to_be_visible()
        page.wait_for_timeout(300)
        seen = page.evaluate(FIRST)
        page.wait_for_timeout(600)
        assert page.evaluate(FIRST) == seen
        jump.click()
        expect(log).to_be_focused()
        page.wait_for_function(f"{FIRST} > {seen}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator("#run-head")).to_contain_text("Cancelled", timeout=30_000)
