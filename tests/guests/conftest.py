"""What guest tests share: one machine that stays."""

import pytest


@pytest.fixture(scope="session")
def lab(served):
    """A clone of demo that runs for the whole session; the result of having made it."""
    served.template()
    result = served.admin.command("clone base=demo name=lab")
    assert result["success"], result
    return result
