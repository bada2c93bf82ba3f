"""What the command bar shows of a result."""

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
