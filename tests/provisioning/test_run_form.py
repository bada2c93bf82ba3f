"""A run that is refused on its page: what is wrong is said where it is seen, and what was given is kept."""

import re

import pytest

from provisioning.models import Run

SCRIPT = "#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-param: TOKEN secret\ntrue\n"
MACHINE = re.compile(r"<details class=\"panel\"( open)?><summary class=\"panel-head\"><h2>Machine")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "Not A Name"}, "is not a name"),
        ({"memory": "12X"}, "memory"),
        ({"cpus": "many"}, "whole number"),
        ({"ports": "0"}, "port"),
        ({"timeout": "0"}, "greater than or equal to 1"),
        ({"channel": "smoke"}, "smoke is not one of the available choices"),
        ({"base": "nothing"}, "Base image nothing not found"),
    ],
)
def test_a_wish_for_the_machine_that_cannot_be_is_said_with_its_panel_open(
    empty_base, client, admin, given, words
):
    client.force_login(admin)
    wishes = {"script": SCRIPT, "param.TOKEN": "s3cr3t-words", "after": "keep", **given}
    answer = client.post("/runs/new/", wishes)
    page = answer.content.decode()
    assert answer.status_code == 422
    said = page.partition("Nothing was started.")[2].partition("</div>")[0]
    assert words in said, said
    found = MACHINE.search(page)
    assert found and found[1]
    assert "kvm-infra-param: TOKEN secret" in page and "s3cr3t-words" not in page
    assert re.search(r'value="keep" checked', page)


def test_a_page_that_was_not_sent_says_nothing_of_the_kind(empty_base, client, admin):
    client.force_login(admin)
    page = client.get("/runs/new/").content.decode()
    assert "Nothing was started." not in page
    found = MACHINE.search(page)
    assert found and not found[1]


def test_a_script_of_a_mebibyte_may_be_typed_though_a_browser_makes_its_line_ends_longer(
    empty_base, client, admin
):
    client.force_login(admin)
    header = "#!/bin/sh\n# kvm-infra-use: demo\n"
    script = header + "\n" * ((1 << 20) - len(header))
    sent = {"script": script.replace("\n", "\r\n"), "script_name": "long.sh", "after": "stop"}
    assert "1 thing to mend" not in client.post("/runs/parse/", sent).content.decode()
    assert client.post("/runs/new/", sent).status_code == 302
    assert Run.objects.get().script_text == script
    sent["script"] += "x"
    assert client.post("/runs/new/", sent).status_code == 422
    kept = {"name": "long.sh", "script": script.replace("\n", "\r\n")}
    assert client.post("/scripts/_new/", kept).status_code == 302
