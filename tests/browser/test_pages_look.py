"""Every page in both themes, wide and narrow: a picture each, no serious accessibility violation, no error."""

import os
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.browser.conftest import new_context
from tests.support.http import invited_in

pytestmark = [pytest.mark.guest, pytest.mark.browser]
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
LONG = "bartholomew.featherstonehaugh-cholmondeley@engineering.example.org"
PAGES = {
    "overview": "/",
    "bases": "/bases/",
    "base": "/bases/demo/",
    "base-revisions": "/bases/demo/?tab=revisions",
    "base-pool": "/bases/demo/?tab=pool",
    "base-tree": "/bases/demo/tree/",
    "base-settings": "/bases/demo/?tab=settings",
    "imports": "/bases/_imports/",
    "catalogue": "/bases/_catalogue/",
    "base-dependents": "/bases/demo/?tab=dependents",
    "clones": "/clones/",
    "clone": "/clones/shown/",
    "clone-snapshots": "/clones/shown/?tab=snapshots",
    "clone-sharing": "/clones/shown/?tab=sharing",
    "bin": "/clones/_bin/",
    "clone-files": "/clones/shown/?tab=files",
    "clone-console": "/clones/shown/?tab=console",
    "clone-audit": "/clones/shown/?tab=audit",
    "runs": "/runs/",
    "scripts": "/scripts/",
    "script": "/scripts/hello.rexx/",
    "script-versions": "/scripts/hello.rexx/?tab=versions",
    "script-edit": "/scripts/hello.rexx/edit/",
    "runtimes": "/runtimes/",
    "run-new": "/runs/new/?script=web.sh",
    "run": "/runs/{run}/",
    "hosts": "/hosts/",
    "findings": "/hosts/findings/",
    "quotas": "/quotas/",
    "quotas-of-one": "/quotas/?of=user:admin",
    "audit": "/audit/",
    "reports": "/reports/",
    "audit-filtered": "/audit/?action=clone&outcome=done",
    "people": "/people/",
    "person": "/people/admin/",
    "team": "/teams/shown/",
    "person-long": "/people/{long}/",
    "request-long": "/quotas/requests/{request}/",
    "settings": "/settings/",
    "security": "/settings/security/",
    "app-set-up": "/settings/security/app/",
    "confirm": "/accounts/confirm/",
    "not-found": "/bases/nothing/",
    "admin": "/admin/",
    "admin-base": "/admin/bases/baseimage/1/change/",
}
CHECK = """async rules => (await axe.run(document, {...rules, resultTypes: ['violations']})).violations
  .filter(found => ['serious', 'critical'].includes(found.impact))
  .map(found => `${found.id}: ${found.nodes.map(node => node.target.join(' ')).slice(0, 4).join(' | ')}`)"""
RULES = {"wide": {}, "phone": {"runOnly": ["color-contrast"]}}  # the document is the same
# Each theme and each size once; the other pairs where long tests are asked for.
LOOKS = [("light", "wide"), ("dark", "phone")]
if os.environ.get("COWWEB_LONG_TESTS"):
    LOOKS += [("dark", "wide"), ("light", "phone")]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SPILLED = """() => [...document.querySelectorAll(".panel:not(details:not([open]))")].filter(panel => [...panel.children].some(part =>
    getComputedStyle(part).position === "static"
    && part.getBoundingClientRect().bottom > panel.getBoundingClientRect().bottom + 1
)).map(panel => panel.getAttribute("aria-label") || panel.className)"""
THEME = "() => document.documentElement.dataset.bsTheme ?? null"
BETWEEN = {"wide": ({"width": 1024, "height": 768}, {"width": 768, "height": 1024}), "phone": ()}


def wider_than(page, *sizes):
    """By how much a page is wider than a window of each size; the first is its own."""
    for size in sizes:
        page.set_viewport_size(size)
        if over := page.evaluate(WIDER):
            yield f"{over} px wider than a window of {size['width']} px"
    page.set_viewport_size(sizes[0])


def asked_by_somebody_long(served) -> int:
    """Somebody whose names are as long as names get has joined, and asks for more: no page grows wider by it."""
    do = served.admin.command
    invited = do(f"invite team=shown whom='{LONG}, from the third floor'")
    somebody = invited_in(served.address, invited["output"], LONG, "Bartholomew Maximilian " * 4)
    do(f"set_quota user={LONG} quota=clones limit=1")
    why = "Comparing the releases that customers still have in the field, each with two configurations"
    until = date.today() + timedelta(days=60)
    asked = somebody.command(f"request_quota quota=clones limit=9 until={until} why='{why}'")
    assert asked["success"], asked
    return int(re.search(r"\d+", asked["output"])[0])


@pytest.fixture(scope="module")
def furnished(served):
    """A stopped clone with a snapshot, and at least one run: pages that have something to show."""
    do = served.admin.command
    served.template()
    assert do("clone base=demo name=shown no_start=true")["success"]
    assert do("snapshot name=shown snapshot_name=first")["success"]
    served.admin.post("/people/_team/", name="shown", description="Who shows things")
    served.admin.post("/teams/shown/lease/", default="24", most="168")
    strange = served.data / "clones" / "0123456789ab" / "left-behind.qcow2"
    strange.parent.mkdir()
    strange.write_bytes(b"somebody's")
    served.admin.post("/hosts/findings/compare/")
    if not served.newest_run():
        do("provision script=fails.sh")
    request = asked_by_somebody_long(served)
    yield {"run": served.newest_run(), "long": LONG, "request": request}
    do(f"refuse request={request} note=over")
    do("remove name=shown")
    served.admin.post("/teams/shown/remove/")
    shutil.rmtree(strange.parent)


def faults(page, name, path, picture):
    """What is wrong with a page, looked at in each theme and size without asking for it anew."""
    page.set_viewport_size(SIZES["wide"])
    answer = page.goto(path, wait_until="load")
    if answer.status != (404 if name == "not-found" else 200):
        yield f"{answer.status}"
    page.evaluate(AXE.read_text())
    for theme, size in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(SIZES[size])
        picture(page, f"{size}-{theme}-{name}")
        if (drawn := page.evaluate(THEME)) not in (theme, None):  # None: the administration's own pages
            yield f"it is {drawn} where {theme} is wanted"
        yield from page.evaluate(CHECK, RULES[size])
        yield from (f"more in {panel} than it holds" for panel in page.evaluate(SPILLED))
        yield from wider_than(page, SIZES[size], *BETWEEN[size])


def test_every_page_looks_as_it_should(browser, served, signed_in_state, furnished, picture, troubles):
    context = new_context(browser, signed_in_state, troubles, base_url=served.address, bypass_csp=True)
    page = context.new_page()
    wrong = [
        f"{name}: {fault}"
        for name, path in PAGES.items()
        for fault in faults(page, name, path.format(**furnished), picture)
    ]
    context.close()
    troubles[:] = [said for said in troubles if "404 (Not Found)" not in said]  # the page not-found itself
    assert wrong == [], "\n".join(wrong)


def test_without_scripts_the_pages_still_work(browser, served, signed_in_state, furnished, troubles):
    context = new_context(
        browser, signed_in_state, troubles, base_url=served.address, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/clones/?q=shown")
    page.get_by_role("link", name="shown").first.click()
    page.get_by_role("link", name="Snapshots").click()
    assert "first" in page.locator("main").inner_text()
    context.close()


def test_without_scripts_a_pasted_script_is_refused_mended_and_run(
    browser, served, signed_in_state, furnished, troubles
):
    context = new_context(
        browser, signed_in_state, troubles, base_url=served.address, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/runs/new/")
    for memory in ("12Q", "128M"):
        page.locator("#id_script").fill(
            f"#!/bin/sh\n# kvm-infra-use: none-such\n# kvm-infra-memory: {memory}\n:\n"
        )
        page.get_by_role("button", name="Run on a new clone").click()
        assert page.url.endswith("/runs/new/")
        words = "12Q" if memory == "12Q" else "Base image none-such not found"
        assert words in page.get_by_role("alert").inner_text()
    troubles[:] = [said for said in troubles if "422 (" not in said]
    context.close()
