"""What guest tests share: one machine that stays, and one run that served a page and kept its machine."""

import pytest

WEB = "examples/web.sh"


@pytest.fixture(scope="session")
def lab(served):
    """A clone of demo that runs for the whole session; the result of having made it."""
    served.template()
    result = served.admin.command("clone base=demo name=lab")
    assert result["success"], result
    return result


@pytest.fixture(scope="session")
def web(served):
    """The example that serves a page, provisioned with its machine kept; made in a shell."""
    result = served.cow(f"provision script={WEB} name=web keep_running=true snapshot=true")
    assert result["success"], result
    return result
