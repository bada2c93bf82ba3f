"""Redis killed and started again: what was asked for is done, and pages catch up by themselves."""

import pytest

from tests.support.site import promised, wait_until
from tests.support.websocket import Closed

pytestmark = pytest.mark.guest
CATCHES_UP_S = 45


def test_work_goes_on_without_it_and_pages_catch_up(grown, redis):
    with grown.socket("/ws/clones/") as page:
        page.receive()
        redis.kill()
        made = grown.admin.command("clone base=demo name=meanwhile no_start=true")
        by_shell = grown.cow("clone base=demo name=by-shell-meanwhile no_start=true")
        assert made["success"] and by_shell["success"], (made, by_shell)
        assert made["status"] == by_shell["status"] == "stopped"
        redis.start()
        seen = caught_up(grown, page)
        assert "by-shell-meanwhile" in seen, "the page never learned of it"
        assert grown.admin.command("clone base=demo name=afterwards no_start=true")["success"]
    with grown.socket("/ws/clones/") as page:
        page.receive()
        grown.cow("remove name=afterwards")
        wait_until(lambda: "afterwards" not in page.receive(timeout_s=promised(CATCHES_UP_S)))
    for name in ("meanwhile", "by-shell-meanwhile"):
        assert grown.admin.command(f"remove name={name}")["success"]


def caught_up(site, page) -> str:
    """What the page shows in the end; like a browser's, its socket comes back when it is closed."""
    try:
        while "by-shell-meanwhile" not in (seen := page.receive(timeout_s=promised(CATCHES_UP_S))):
            pass
        return seen
    except Closed:
        with site.socket("/ws/clones/") as again:
            return again.receive(timeout_s=promised(CATCHES_UP_S))
