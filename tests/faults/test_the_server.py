"""Faults of the server's own world: its port, its database, its clock, its life."""

import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.support.clock import Clock
from tests.support.site import Site, promised, wait_until

pytestmark = pytest.mark.guest
LOCKED_S = 10
DAY_S = 86_400
ACKNOWLEDGED = 12


@pytest.fixture(scope="module")
def frail(tmp_path_factory, tiny_guest, guest_cache):
    """A site of these tests' own: its server is killed, its clock jumps."""
    folder = tmp_path_factory.mktemp("frail")
    clock = Clock(folder)
    made = Site(folder / "data", guest_cache, **clock.env)
    made.clock = clock
    try:
        made.up()
        assert made.admin.command("list")["success"]
        yield made
    finally:
        clock.jump(0)
        made.end()


def test_it_may_have_as_many_files_open_as_the_machine_allows(frail):
    limits = Path(f"/proc/{frail.server.pid}/limits").read_text()
    soft, hard = re.search(r"Max open files +(\d+) +(\d+)", limits).groups()
    assert int(soft) == min(int(hard), 65_536)


def test_a_port_that_is_taken_is_told_and_the_one_that_has_it_serves_on(frail):
    done = frail.manage("serve", "--port", str(frail.port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {frail.port} of 127.0.0.1 cannot be opened: Address already in use")
    assert frail.admin.command("list")["success"]


def test_a_database_that_is_locked_for_ten_seconds_delays_and_loses_nothing(frail):
    answers = []
    lines = [f"clone base=demo name=locked-{number} no_start=true" for number in range(5)]
    askers = [Thread(target=lambda line=line: answers.append(frail.admin.command(line))) for line in lines]
    with closing(sqlite3.connect(frail.data / "db.sqlite3", timeout=20, isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        for asker in askers:
            asker.start()
        time.sleep(LOCKED_S)
        assert answers == []
        assert "locked-0" not in frail.admin.get("/clones/"), "pages that only read are served"
        base.execute("ROLLBACK")
    for asker in askers:
        asker.join(120)
    assert [answer.get("error") for answer in answers] == [None] * len(lines)
    for number in range(len(lines)):
        assert frail.admin.command(f"remove name=locked-{number}")["success"]


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S])
def test_a_clock_that_jumps_a_day_ends_nothing_and_makes_no_times_that_cannot_be(frail, jump):
    before = frail.admin.command("clone base=demo name=before-the-jump no_start=true")
    assert before["success"]
    frail.clock.jump(jump)
    try:
        wait_until(lambda: abs(server_time(frail) - time.time()) > DAY_S - 600, timeout_s=30)
        made = frail.admin.command("clone base=demo name=after-the-jump no_start=true")
        assert made["success"], made
        assert 0 <= made["timings"]["disk_ms"] < 60_000
        page = frail.admin.get("/clones/")
        assert "before-the-jump" in page and "after-the-jump" in page
        assert not frail.rows("SELECT * FROM hosts_job WHERE state IN ('queued', 'running')")
    finally:
        frail.clock.jump(0)
    assert frail.admin.command("list")["count"] == 2
    for name in ("before-the-jump", "after-the-jump"):
        assert frail.admin.command(f"remove name={name}")["success"]


def server_time(site) -> float:
    """The server's clock, as its pages give it to the browser."""
    page = site.admin.get("/clones/")
    return int(page.partition('name="server-now" content="')[2].partition('"')[0]) / 1000


def test_killed_while_clones_are_made_all_that_was_acknowledged_is_there(frail):
    """Ordered without waiting, as the pages do; the server dies somewhere in the middle, and comes back."""
    chance = random.Random(6)
    acknowledged: list[str] = []

    def ask() -> None:
        for number in range(ACKNOWLEDGED):
            name = f"kept-{number}"
            with suppress(OSError, ValueError):
                answer = frail.admin.post("/clones/_create/", base="demo", name=name, no_start="on")
                if answer:
                    acknowledged.append(name)

    asker = Thread(target=ask)
    asker.start()
    wait_until(lambda: len(acknowledged) >= 3, timeout_s=60, every_s=0.005)
    time.sleep(chance.uniform(0, 0.3))
    frail.kill_server()
    asker.join(120)
    known = {row["name"] for row in frail.rows("SELECT name FROM clones_clone WHERE status != 'removed'")}
    assert set(acknowledged) & set(known) == set(acknowledged), "what was acknowledged is gone"
    frail.serve()
    done = ("stopped", "running", "failed")
    query = "SELECT name, status, failure FROM clones_clone WHERE name LIKE 'kept-%' AND status != 'removed'"
    wait_until(lambda: all(row["status"] in done for row in frail.rows(query)), timeout_s=240)
    assert {row["name"] for row in frail.rows(query)} == known
    assert not [row for row in frail.rows(query) if row["status"] == "failed"], frail.rows(query)
    for name in known:
        assert frail.admin.command(f"remove name={name}")["success"]
    wait_until(lambda: not frail.rows("SELECT 1 FROM hosts_job WHERE state IN ('queued', 'running')"))
    assert [path.name for path in (frail.data / "clones").iterdir()] == []
    frail.admin.post("/hosts/findings/compare/")
    assert frail.admin.command("list_findings")["count"] == 0


def test_browsers_that_never_read_cost_the_others_nothing(frail):
    """Their sockets fill up; another page goes on being told at once, and the server's memory stays."""
    silent = [frail.socket("/ws/clones/") for _ in range(30)]
    for one in silent:
        one.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    before = resident(frail.server.pid)
    try:
        with frail.socket("/ws/clones/") as page:
            page.receive()
            for number in range(10):
                began = time.monotonic()
                assert frail.admin.command(f"clone base=demo name=seen-{number} no_start=true")["success"]
                while f"seen-{number}" not in page.receive(timeout_s=promised(10)):
                    pass
                assert time.monotonic() - began < promised(10)
        assert resident(frail.server.pid) - before < 64 << 20
        assert frail.answers()
    finally:
        for one in silent:
            one.close()
    for number in range(10):
        assert frail.admin.command(f"remove name=seen-{number}")["success"]


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_what_is_unknown_is_reported_within_a_minute_and_stays(frail):
    """A disk and a process that appear while the site is served; nobody asks it to look."""
    folder = frail.data / "clones" / "fedcba987654"
    folder.mkdir()
    disk = folder / "strange.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    argv = ["qemu-storage-daemon", "--blockdev", f"file,node-name=a,filename={disk},read-only=on"]
    argv += ["--chardev", f"socket,id=m,path={folder}/m,server=on,wait=off", "--monitor", "m"]
    query = "SELECT kind FROM hosts_finding WHERE state = 'waiting'"
    with subprocess.Popen(argv) as stranger:
        try:
            wait_until(lambda: len(frail.rows(query)) == 2, timeout_s=promised(60))
            assert {row["kind"] for row in frail.rows(query)} == {"folder", "process"}
            assert stranger.poll() is None and disk.exists()
        finally:
            stranger.send_signal(signal.SIGKILL)
    shutil.rmtree(folder)
    frail.admin.post("/hosts/findings/compare/")
    assert frail.rows(query) == []
