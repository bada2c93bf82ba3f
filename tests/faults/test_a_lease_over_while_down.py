"""A lease that ends while the server is down ends when it is back, once; and so does the grace after it."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from tests.support.site import Site, wait_until

pytestmark = pytest.mark.guest
MOST_HOURS = 24
LIFE = ("began_at", "ends_at", "warn_at")
BACK_S = 150  # the upkeep looks at the start and every minute


@pytest.fixture(scope="module")
def short(tmp_path_factory, tiny_guest, guest_cache):
    """A site whose clones last a day at most, so that no work in them keeps one longer."""
    folder = tmp_path_factory.mktemp("short")
    made = Site(
        folder / "data",
        guest_cache,
        COWWEB_LEASE_HOURS=str(MOST_HOURS),
        COWWEB_LEASE_MOST_HOURS=str(MOST_HOURS),
    )
    try:
        made.up()
        # What ends here is no template's clone: each server that comes back would build one again.
        assert made.admin.command("set_pool base=demo instant=false")["success"]
        yield made
    finally:
        made.end()


def moved_back(site: Site, names: list[str], days: int, *columns: str) -> None:
    """Writes the moments of their leases so many days earlier, past all our own code, with the server dead."""
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as base:
        for name in names:
            pk = site.clone(name)["id"]
            wanted = f"SELECT {', '.join(columns)} FROM clones_lease WHERE clone_id = ?"
            moments = map(datetime.fromisoformat, base.execute(wanted, (pk,)).fetchone())
            earlier = [str(moment - timedelta(days=days)) for moment in moments]
            places = ", ".join(f"{column} = ?" for column in columns)
            base.execute(f"UPDATE clones_lease SET {places} WHERE clone_id = ?", (*earlier, pk))
        base.commit()


def entries(site: Site, action: str, *names: str) -> list[str]:
    query = "SELECT target FROM audit_auditentry WHERE action = ? ORDER BY id"
    targets = [row["target"] for row in site.rows(query, action)]
    return sorted(target for target in targets if target.removeprefix("clone:") in names)


def looked_once_more(site: Site, probe: str) -> None:
    """The server dies and comes back: it has looked at all leases when that of a new clone is ended, too."""
    assert site.admin.command(f"clone base=demo name={probe} no_start=true")["success"]
    site.kill_server()
    moved_back(site, [probe], 2, *LIFE)
    site.serve()
    wait_until(lambda: entries(site, "end_lease", probe), timeout_s=BACK_S)


def test_it_ends_when_the_server_is_back_and_ends_once(short):
    assert short.admin.command("clone base=demo name=web")["started"]
    assert short.admin.command("clone base=demo name=idle no_start=true")["success"]
    short.kill_server()
    moved_back(short, ["web", "idle"], 2, *LIFE)
    assert short.clone("web")["status"] == "running", "nobody was there to stop it"
    short.serve()
    wait_until(lambda: short.clone("web")["status"] == "stopped", timeout_s=BACK_S)
    wait_until(lambda: len(entries(short, "end_lease", "web", "idle")) == 2, timeout_s=BACK_S)
    looked_once_more(short, "probe-1")
    assert entries(short, "end_lease", "web", "idle") == ["clone:idle", "clone:web"]
    assert len(short.rows("SELECT 1 FROM hosts_job WHERE task = 'clones.tasks.clone_stop_task'")) == 1
    assert "Its lease ended" in short.admin.get("/clones/web/")


def test_the_grace_that_is_over_while_it_is_down_leads_to_the_bin_once(short):
    short.kill_server()
    moved_back(short, ["web", "idle"], 3, "ended_at")
    short.serve()
    wait_until(lambda: short.clone("web")["status"] == "binned", timeout_s=BACK_S)
    wait_until(lambda: short.clone("idle")["status"] == "binned", timeout_s=BACK_S)
    looked_once_more(short, "probe-2")
    assert entries(short, "remove", "web", "idle") == ["clone:idle", "clone:web"]
    assert short.admin.command("undelete name=web")["status"] == "stopped"
