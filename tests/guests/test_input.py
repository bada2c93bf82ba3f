"""A script in a real guest that reads what people send it, over each channel that carries it."""

import pytest

from tests.support.site import wait_until

pytestmark = pytest.mark.guest
ASKS = '#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-timeout: 120\necho name?\nread name\necho "hello $name"\ncat\n'
REXX = "/* rexxjs-vm-base: demo */\nsay 'name?'\nparse pull name\nsay 'hello' name\n"


@pytest.mark.parametrize(
    ("name", "text", "channel"),
    [("asks.sh", ASKS, "agent"), ("asks-ssh.sh", ASKS, "ssh"), ("asks.rexx", REXX, "agent")],
)
def test_a_line_that_is_sent_reaches_the_script(served, lab, name, text, channel):
    """With `lab`, demo's template is there, and with it our agent."""
    run = served.order(name, text, interactive="on", channel=channel, after="remove")
    wait_until(lambda: served.run(run)["line_count"] >= 1, timeout_s=60)
    assert served.admin.command(f"send run={run} text='Größe 7'")["success"]
    if text is ASKS:
        wait_until(lambda: served.run(run)["line_count"] >= 3, timeout_s=60)  # it has answered
        assert served.admin.command(f"send run={run} text=rest end=true")["success"]
    ended = served.run_over(run)
    assert (ended["status"], ended["channel"]) == ("succeeded", channel), ended["failure"]
    output = served.admin.get(f"/runs/{run}/output.txt").splitlines()
    assert output[:3] == ["name?", "Größe 7", "hello Größe 7"]
    assert text is REXX or output[3:] == ["rest", "rest"]
    refused = served.admin.command(f"send run={run} text=late")
    assert (refused["success"], refused["code"]) == (False, "conflict")


def test_a_clone_whose_agent_is_taken_by_a_run_still_answers(served, lab):
    """A run holds the agent; commands and copies go another way meanwhile."""
    run = served.order("asks.sh", ASKS, interactive="on", name="busy", after="remove")
    wait_until(lambda: served.run(run)["line_count"] >= 1, timeout_s=60)
    assert served.admin.command("execute vm=busy command=hostname")["stdout"] == "busy\n"
    served.admin.command(f"send run={run} text=x end=true")
    assert served.run_over(run)["status"] == "succeeded"
