"""The shell and the server share the database and the machines."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.support.site import CHECKOUT, promised

pytestmark = pytest.mark.guest


def test_what_a_shell_does_shows_in_an_open_page_within_a_second(served):
    with ThreadPoolExecutor(1) as pool, served.socket("/ws/clones/") as socket:
        socket.receive()
        shell = pool.submit(served.cow, "clone base=demo name=from-shell no_start=true")
        while "from-shell" not in socket.receive(timeout_s=120):
            pass
        seen = datetime.now(UTC)
        assert shell.result()["success"]
    made = datetime.fromisoformat(served.clone("from-shell")["created_at"]).replace(tzinfo=UTC)
    assert (seen - made).total_seconds() < promised(1)
    assert served.cow("remove name=from-shell")["success"]


def test_of_two_requests_for_one_name_one_is_refused(served):
    line = "clone base=demo name=twin no_start=true"
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(served.admin.command, [line, line]))
    assert sorted(result["success"] for result in results) == [False, True]
    refused = next(result for result in results if not result["success"])
    assert (refused["code"], refused["output"]) == ("name_taken", "There is a clone twin already")
    assert served.row("SELECT count(*) AS count FROM clones_clone WHERE name = 'twin'")["count"] == 1
    assert served.admin.command("remove name=twin")["success"]


def test_the_shell_prints_sentences_streams_and_says_by_its_status_how_it_ended(served):
    listed = served.manage("cow", "list_bases")
    assert (listed.returncode, "demo" in listed.stdout, listed.stderr) == (0, True, "")
    refused = served.manage("cow", "clone base=nothing")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.strip() == "Base image nothing not found"
    assert served.manage("cow").returncode == 2
    assert served.manage("cow", "list", "--as", "nobody").returncode == 1


def test_a_reader_that_leaves_early_is_no_failure(served):
    reading, writing = os.pipe()
    os.close(reading)  # as of `| head -1`, which has left
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            served.argv("cow", "help"), cwd=CHECKOUT, env=served.env, stdout=pipe, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_burst_of_changes_reaches_the_page_as_few_redraws(served):
    """Sixteen clones at once: the page ends with all of them, without one push for each ring."""
    with served.socket("/ws/clones/") as socket:
        socket.receive()
        result = served.admin.command("clone base=demo name=many count=16 no_start=true")
        assert (result["success"], result["count"]) == (True, 16), result
        pushes, html, until = 0, "", time.monotonic() + 30
        while not all(f"many-{n}<" in html for n in range(1, 17)):
            html, pushes = socket.receive(timeout_s=until - time.monotonic()), pushes + 1
    for n in range(1, 17):
        assert served.admin.command(f"remove name=many-{n}")["success"]
