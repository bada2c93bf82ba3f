"""A newcomer's way from an invitation to a running machine; passkeys and codes in a real browser."""

import re

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, new_context

pytestmark = [pytest.mark.guest, pytest.mark.browser]
expect.set_options(timeout=PATIENCE_MS)
LINK = re.compile(r'<code class="secret">(http[^<]+/join/[^<]+)</code>')
PASSWORD = "a-long-password"
QUIET_MS = 1500
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def invitation(served) -> str:
    found = LINK.search(served.admin.post("/people/_invite/", whom="Nia", days="3"))
    assert found
    return found[1]


@pytest.fixture
def stranger(browser, served, troubles):
    """A browser that knows nothing; the site by its name, as passkeys want it."""
    context = new_context(browser, None, troubles, base_url=f"http://localhost:{served.port}")
    yield context.new_page()
    context.close()


def joined(page, served, name) -> None:
    page.goto(invitation(served).replace("127.0.0.1", "localhost"))
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    expect(page).to_have_url(re.compile(r":\d+/$"))


def test_from_an_invitation_to_a_running_clone_in_three_clicks(stranger, served, picture):
    page, clicks = stranger, 0
    page.goto(invitation(served).replace("127.0.0.1", "localhost"))
    picture(page, "walk-1-invitation")
    page.get_by_label("User name").fill("nia")
    page.get_by_label("Password").fill(PASSWORD)
    for name in ("Make my account", "Clone demo"):
        page.get_by_role("button", name=name).click()
        clicks += 1
        picture(page, f"walk-{clicks + 1}-after-{name.lower().replace(' ', '-')}")
    expect(page.locator("#clone-head")).to_contain_text("Running")
    picture(page, "walk-4-running")
    assert clicks <= 3
    clone = served.row("SELECT name, status, owner_id FROM clones_clone ORDER BY id DESC")
    nia = served.row("SELECT id FROM auth_user WHERE username = 'nia'")
    assert (clone["status"], clone["owner_id"]) == ("running", nia["id"])
    served.admin.command(f"remove name={clone['name']}")
    expect(page.locator("#clone-head")).to_contain_text("Removed")
    page.wait_for_timeout(
        QUIET_MS
    )  # its page is open and asks for nothing of what is gone, or `troubles` has it


def test_a_passkey_is_added_and_signs_in_without_a_password(stranger, served, picture):
    page = stranger
    joined(page, served, "pia")
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    page.goto("/settings/security/")
    page.get_by_label("Name of the passkey").fill("laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Keep these codes")).to_be_visible()
    picture(page, "recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("main")).to_contain_text("laptop")
    picture(page, "security-with-a-passkey")
    page.context.clear_cookies()
    page.goto("/accounts/login/?next=/bases/")
    page.get_by_role("button", name="With a passkey").click()
    expect(page).to_have_url(re.compile(r":\d+/bases/$"))
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_label("User name").fill("pia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(r"second-factor"))
    picture(page, "second-step")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile(r":\d+/$"))
    methods = served.rows(
        "SELECT e.params FROM audit_auditentry e WHERE e.actor_name = 'pia' AND e.action = 'sign_in' ORDER BY id"
    )
    assert [row["params"] for row in methods] == [
        '{"method": "invitation"}',
        '{"method": "passkey"}',
        '{"method": "password, passkey"}',
    ]


def test_an_app_is_set_up_from_its_picture_and_an_ended_session_ends_its_sockets(stranger, served, picture):
    page = stranger
    joined(page, served, "tia")
    page.goto("/settings/security/app/")
    expect(page.locator("svg.qr")).to_be_visible()
    page.get_by_text("It cannot read pictures").click()
    picture(page, "app-set-up")
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Type the six digits that it shows").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.goto("/clones/")
    expect(page.locator("#live-dot")).to_have_attribute("data-state", "live")
    served.admin.post("/people/tia/sessions/end/")
    page.wait_for_function("document.querySelector('#live-dot').dataset.state !== 'live'")
    page.goto("/clones/")
    expect(page).to_have_url(re.compile(r"/accounts/login/"))
