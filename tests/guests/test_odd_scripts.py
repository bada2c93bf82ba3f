"""Scripts of unusual shape, in real guests: each does what it would do at home, and the run says so."""

import signal
from concurrent.futures import ThreadPoolExecutor
from os import kill

import pytest

from tests.support.site import promised, wait_until

pytestmark = pytest.mark.guest
HEAD = "#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-timeout: 60\n"
MIB = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def quick(served):
    """No script here is about a boot."""
    served.template()


def ran(served, name, text, **form):
    run = served.run_over(served.order(name, text, after="remove", **form), timeout_s=promised(120))
    return run, served.admin.get(f"/runs/{run['id']}/output.txt")


def test_a_script_of_a_whole_mebibyte_runs_to_its_last_line(served):
    end = "echo the-last-line\n"
    filler = ": " + "x" * 1021 + "\n"
    text = HEAD + filler * ((MIB - len(HEAD) - len(end)) // len(filler))
    text += end
    assert MIB - len(filler) < len(text) <= MIB
    run, output = ran(served, "large.sh", text)
    assert (run["status"], output) == ("succeeded", "the-last-line\n"), run["failure"]


def test_a_script_that_closes_its_output_ends_with_its_status(served):
    run, output = ran(served, "closes.sh", f"{HEAD}echo before; exec >&- 2>&-; sleep 1; exit 5\n")
    assert (run["status"], run["exit_code"], output) == ("failed", 5, "before\n")


def test_daemons_that_hold_the_output_do_not_hold_the_run(served):
    body = "for i in 1 2 3; do (setsid sh -c 'sleep 300' &) ; done; sleep 300 & echo begun\n"
    run, output = ran(served, "forks.sh", HEAD + body)
    assert (run["status"], output) == ("succeeded", "begun\n"), run["failure"]


def test_letters_of_every_script_come_through(served):
    words = "Grüße, 世界, مرحبا, 🐄"
    run, output = ran(served, "größe-世界.sh", f"{HEAD}# {words}\necho '{words}'; echo '{words}' >&2\n")
    assert (run["status"], output) == ("succeeded", f"{words}\n{words}\n"), run["failure"]
    assert run["script_name"] == "größe-世界.sh"


def test_a_script_that_reads_finds_an_empty_input(served):
    run, output = ran(served, "reads.sh", f"{HEAD}read line; echo \"status $? '$line'\"; cat; echo end\n")
    assert (run["status"], output) == ("succeeded", "status 1 ''\nend\n"), run["failure"]


def test_of_two_that_want_one_name_at_once_one_is_refused(served):
    served.script("one.sh", f"{HEAD}echo ran\n")
    lines = ["provision script=one.sh name=same after=remove"] * 2
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(served.admin.command, lines))
    assert sorted(result["success"] for result in results) == [False, True], results
    refused = next(result for result in results if not result["success"])
    assert refused["code"] == "name_taken"


def test_a_guest_that_stands_still_is_ended_at_the_header_time(served):
    """Its processors stop for good while the script runs."""
    text = HEAD.replace("60", "8") + "echo begun; sleep 100\n"
    pk = served.order("hangs.sh", text, name="hangs", after="stop")
    wait_until(lambda: served.run(pk)["line_count"] >= 1, timeout_s=promised(120))
    pid = served.qemu_pid("hangs")
    kill(pid, signal.SIGSTOP)
    run = served.run_over(pk, timeout_s=promised(60))
    assert run["status"] in ("timed_out", "failed") and run["failed_phase"] == "script"
    assert served.clone("hangs")["status"] in ("stopped", "failed")
    removed = served.admin.command("remove name=hangs")
    assert removed["success"], removed
