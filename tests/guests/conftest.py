"""What guest tests share: one machine that stays, and one run that served a page and kept its machine."""

import pytest

from tests.support.site import wait_until

WEB = "examples/web.sh"


@pytest.fixture(scope="session")
def lab(served):
    """A clone of demo that runs for the whole session; the result of having made it."""
    result = served.admin.command("clone base=demo name=lab")
    assert result["success"], result
    template = "SELECT count(*) AS count FROM pools_template WHERE status = 'building'"
    wait_until(lambda: not served.row(template)["count"], timeout_s=240)  # it takes a processor meanwhile
    return result


@pytest.fixture(scope="session")
def web(served):
    """The example that serves a page, provisioned with its machine kept; made in a shell."""
    result = served.cow(f"provision script={WEB} name=web keep_running=true snapshot=true")
    assert result["success"], result
    return result
