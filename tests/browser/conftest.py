"""A real browser on the served site: Debian's chromium, driven by Playwright."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")  # not longer: its event loop would be in the way of other tests
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: install the package chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="module")  # not longer: its event loop would be in the way of other tests
def signed_in_state(browser, served, tmp_path_factory):
    """The cookies of the administrator, who signed in through the page."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, served)
    path = tmp_path_factory.mktemp("browser") / "state.json"
    context.storage_state(path=path)
    context.close()
    return path


def sign_in(page: Page, served) -> None:
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{served.address}/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(served.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/$"))


REPLACED = ("htmx:sendAbort", "htmx:afterRequest")  # said of a request that a newer one took the place of


class Troubles(list[str]):
    """What the pages of a context complained about."""

    def listen(self, page: Page) -> None:
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.append(str(error)))

    def said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(REPLACED):
            self.append(message.text)


def new_context(
    browser: Browser, state: Path | None, troubles: Troubles, **options: object
) -> BrowserContext:
    context = browser.new_context(storage_state=state, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.on("page", troubles.listen)
    return context


@pytest.fixture
def troubles():
    """Console errors and uncaught exceptions; any fails the test."""
    found = Troubles()
    yield found
    assert found == []


@pytest.fixture
def page(browser, served, signed_in_state, troubles):
    context = new_context(browser, signed_in_state, troubles, base_url=served.address)
    yield context.new_page()
    context.close()


@pytest.fixture
def another_page(browser, served, signed_in_state, troubles):
    """A second browser of the same person."""
    context = new_context(browser, signed_in_state, troubles, base_url=served.address)
    yield context.new_page()
    context.close()


@pytest.fixture
def picture():
    """Stores a page as it looks; never fails a test for it."""

    def taken(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        try:
            page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")
        except Error as error:
            print(f"no picture of {name}: {error}")

    return taken
