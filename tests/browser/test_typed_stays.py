"""What somebody has typed, ticked and chosen stays when a part of the page is pushed anew."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.guest, pytest.mark.browser]


def test_a_form_that_is_being_filled_in_survives_a_push(page, served):
    assert served.admin.command("clone base=demo name=typed no_start=true")["success"]
    page.goto("/clones/typed/")
    panel = page.get_by_label("Network out", exact=True)
    expect(panel).to_contain_text("Open.")
    panel.get_by_label("What it may connect to").select_option("listed")
    panel.get_by_label("TCP ports").fill("443")
    page.locator("h1").click()
    assert served.admin.command("set_egress name=typed egress_ports=none")["success"]
    expect(panel).to_contain_text("Closed.")
    assert panel.get_by_label("What it may connect to").input_value() == "listed"
    assert panel.get_by_label("TCP ports").input_value() == "443"
    assert served.admin.command("set_egress name=typed egress_ports=5432")["success"]
    expect(panel).to_contain_text("5432")
    assert panel.get_by_label("TCP ports").input_value() == "443"
    page.reload()
    assert panel.get_by_label("TCP ports").input_value() == "5432"
    assert served.admin.command("remove name=typed")["success"]
