"""Whoever carries a run out may be killed at any moment: the server goes on with it, or ends it honestly.

The one that is killed is a shell's `cow provision`, which does its own work; the server beside it takes over.
"""

import random
import subprocess
import time

import pytest

from tests.support.site import promised, wait_until

pytestmark = pytest.mark.guest
SCRIPT = """#!/bin/sh
# kvm-infra-use: demo
# kvm-infra-check: exec:test -e /ran
echo ran >> /ran; sync
for word in one two three; do echo $word; sleep 0.5; done
"""
SAID = ["one", "two", "three"]
PHASES = ["allocate", "clone", "start", "ready", "runtime", "script", "checks", "snapshot", "release"]
RANDOM_KILLS, PIECES = 20, 4
AT_PHASE = "SELECT 1 FROM provisioning_runphase WHERE run_id = ? AND name = ? AND state != 'pending'"


def begun(served, name):
    """A shell at work on a run; its process, and the run's number."""
    served.script("counted.sh", SCRIPT)
    line = f"provision script=counted.sh name={name} keep_running=true snapshot=true"
    shell = subprocess.Popen(
        served.argv("cow", line),
        cwd=".",
        env=served.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    query = "SELECT id FROM provisioning_run WHERE clone_name = ?"
    rows = wait_until(lambda: served.rows(query, name), timeout_s=120, every_s=0.01)
    return shell, rows[0]["id"]


def lines_of(served, run):
    return served.admin.get(f"/runs/{run}/output.txt").splitlines()


def killed_then_true(served, shell, run, name):
    """Kills the shell; whatever the run says of itself afterwards is so."""
    shell.kill()
    shell.wait()
    acknowledged = lines_of(served, run)
    row = served.run_over(run, timeout_s=promised(120))
    said = lines_of(served, run)
    assert said[: len(acknowledged)] == acknowledged, "a line was lost"
    assert row["status"] in ("succeeded", "interrupted"), row["failure"]
    if row["status"] == "succeeded":
        states = served.rows("SELECT name, state FROM provisioning_runphase WHERE run_id = ?", run)
        assert said == SAID
        assert {state["state"] for state in states} <= {"done", "skipped"}, states
    wait_until(lambda: served.clone(name)["status"] == "running", timeout_s=60)
    facts = served.admin.command(f"execute vm={name} command='hostname; cat /ran'")["stdout"].split()
    assert facts[0] == name, "it is not itself"
    assert facts[1:] in (["ran"], [] if row["status"] == "interrupted" else ["ran"]), "the script ran twice"
    assert served.admin.command(f"remove name={name}")["success"]
    return row["status"]


@pytest.mark.parametrize(
    "phase", [pytest.param(name, marks=() if name == "ready" else pytest.mark.long) for name in PHASES]
)
def test_a_worker_killed_at_a_phase_is_survived(served, lab, phase):
    name = f"killed-at-{phase}"
    shell, run = begun(served, name)
    wait_until(lambda: served.rows(AT_PHASE, run, phase) or shell.poll() is not None, every_s=0.002)
    status = killed_then_true(served, shell, run, name)
    assert status == ("interrupted" if phase == "script" else "succeeded") or phase in ("runtime", "checks")


@pytest.mark.long
@pytest.mark.parametrize("piece", range(PIECES))
def test_workers_killed_at_random_are_survived(served, lab, piece):
    chance = random.Random(4 + piece)
    ends = []
    for number in range(RANDOM_KILLS // PIECES):
        name = f"killed-{piece}-{number}"
        shell, run = begun(served, name)
        time.sleep(chance.uniform(0, 5))
        ends.append(killed_then_true(served, shell, run, name))
    assert set(ends) <= {"succeeded", "interrupted"}
