"""Runs that do not end by themselves: too long, cancelled, their machine or their server killed."""

import subprocess
from contextlib import suppress
from datetime import datetime
from http.client import HTTPException
from threading import Thread

import pytest

from tests.support.site import promised, wait_until

pytestmark = pytest.mark.guest
HEAD = "#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-timeout: {timeout}\n"
WITH_A_DAEMON = """
setsid sh -c 'while :; do date > /tmp/beat; sleep 0.2; done' >/dev/null 2>&1 &
echo begun
sleep 300
"""


STARTING = "SELECT id FROM clones_clone WHERE name = 'starting' AND record IS NOT NULL AND record != 'null'"


def asked_of_a_server_that_dies(served, line):
    with suppress(OSError, ValueError, HTTPException):
        served.admin.command(line)


def script(body, timeout=240):
    return HEAD.format(timeout=timeout) + body


def has_said(served, run, count=1):
    wait_until(lambda: served.run(run)["line_count"] >= count, timeout_s=240)


def seconds(run):
    ended, asked = (datetime.fromisoformat(run[key]) for key in ("ended_at", "cancel_asked_at"))
    return (ended - asked).total_seconds()


def script_phase(served, run):
    query = "SELECT state, ms, note FROM provisioning_runphase WHERE run_id = ? AND name = 'script'"
    return served.row(query, run)


def outcome(served, run):
    """How the audit says that the provision ended."""
    return served.row(
        "SELECT o.result, o.reason FROM audit_auditoutcome o JOIN hosts_job j ON j.audit_entry_id = o.entry_id"
        " WHERE j.task = 'provisioning.tasks.run_task' AND j.subject_id = ?",
        run,
    )


def test_cancel_ends_the_whole_process_tree_and_says_so(served):
    run = served.order("daemon.sh", script(WITH_A_DAEMON), name="daemon", keep_running="on")
    has_said(served, run)
    served.admin.post(f"/runs/{run}/cancel/")
    ended = served.run_over(run)
    assert (ended["status"], ended["failed_phase"]) == ("cancelled", "script")
    assert ended["failure"].endswith("its processes were ended")
    assert seconds(ended) < promised(5)
    command = "rm -f /tmp/beat; sleep 1; ls /tmp/beat; ps | grep -c [s]leep"
    after = served.admin.command(f"execute vm=daemon command='{command}'")
    assert "No such file" in after["stderr"]
    assert served.clone("daemon")["status"] == "running"
    assert outcome(served, run)["result"] == "failed"
    assert served.admin.command("remove name=daemon")["success"]


def test_a_script_over_its_time_is_ended_and_its_clone_released(served):
    run = served.order("slow.sh", script("echo begun; sleep 200", timeout=2), name="slow")
    ended = served.run_over(run)
    assert (ended["status"], ended["failed_phase"], ended["exit_code"]) == ("timed_out", "script", None)
    assert "2 s" in ended["failure"]
    assert script_phase(served, run)["state"] == "failed"
    assert script_phase(served, run)["ms"] < promised(10) * 1000
    assert served.clone("slow")["status"] == "stopped"


def test_a_machine_killed_under_its_script_fails_the_run_with_the_reason(served):
    run = served.order("killed.sh", script("echo begun; sleep 200"), name="killed")
    has_said(served, run)
    subprocess.run(["kill", "-9", str(served.qemu_pid("killed"))], check=True)
    ended = served.run_over(run, timeout_s=promised(15))
    assert (ended["status"], ended["failed_phase"]) == ("failed", "script")
    assert ended["failure"]
    assert ended["line_count"] == 1
    wait_until(lambda: served.clone("killed")["status"] == "failed", timeout_s=promised(10))


def test_a_killed_server_leaves_nothing_running_that_is_not(served):
    """Killed while one script runs and one clone starts, with a clone that lives: each is looked after."""
    run = served.order("long.sh", script("echo one; echo two; sleep 200"), name="long", keep_running="on")
    has_said(served, run, 2)
    boots = Thread(
        target=asked_of_a_server_that_dies, args=(served, "clone base=demo name=starting path=cold")
    )
    boots.start()
    wait_until(lambda: served.rows(STARTING), timeout_s=120)
    before = {name: served.qemu_pid(name) for name in ("long", "starting")}
    served.kill_server()
    boots.join()
    served.serve()

    ended = served.run_over(run, timeout_s=promised(60))
    assert ended["status"] == "interrupted"
    assert ended["failure"] == "The server stopped while the script ran; its processes were ended"
    output = served.admin.get(f"/runs/{run}/output.txt").splitlines()
    assert output[:2] == ["one", "two"]
    assert output[2:] == [ended["failure"]]
    assert outcome(served, run) == {"result": "failed", "reason": ended["failure"]}

    wait_until(lambda: served.clone("starting")["status"] == "running", timeout_s=240)
    for name in ("long", "starting"):
        assert served.qemu_pid(name) == before[name], "its machine was not adopted"
        assert served.admin.command(f"execute vm={name} command=hostname")["stdout"] == f"{name}\n"
    left = served.admin.command("execute vm=long command='ps | grep -c [s]leep\\ 200'")
    assert left["stdout"].strip() == "0"
    busy = "SELECT count(*) AS count FROM {} WHERE {} IN ('queued', 'running')"
    wait_until(lambda: served.row(busy.format("hosts_job", "state"))["count"] == 0, timeout_s=30)
    assert served.row(busy.format("provisioning_run", "status"))["count"] == 0
    for name in ("long", "starting"):
        assert served.admin.command(f"remove name={name}")["success"]
