"""What the command bar shows of a result."""

import pytest
from django.template.loader import render_to_string


def test_the_bar_shows_what_went_to_standard_error():
    result = {
        "success": False,
        "operation": "execute",
        "output": "It ended",
        "stdout": "one",
        "stderr": "<no>",
    }
    shown = render_to_string("commands/_result.html", {"result": result, "command": "x", "json": "{}"})
    assert ">one</pre>" in shown
    assert ">&lt;no&gt;</pre>" in shown


def test_the_bar_shows_what_a_console_said():
    result = {"success": True, "operation": "logs", "output": "Serial console of web", "logs": "login: <b>"}
    shown = render_to_string("commands/_result.html", {"result": result, "command": "x", "json": "{}"})
    assert ">login: &lt;b&gt;</span></pre>" in shown


@pytest.mark.django_db(transaction=True)
def test_the_audit_trail_is_told_in_lines_the_newest_last(do):
    do("remove name=nobody")
    do("list_bases")
    do("clone base=nothing")
    told = do("security_audit lines=4")
    assert len(told["stdout"].splitlines()) == told["count"] == 4
    assert told["stdout"].index("clone:nobody  refused: Clone nobody not found") < told["stdout"].index(
        "refused: Base image nothing not found"
    )
