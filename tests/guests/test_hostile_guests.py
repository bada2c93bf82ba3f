"""Guests and scripts that behave badly: each run ends by itself, says what was, and the site goes on."""

from pathlib import Path

import pytest

from tests.support.site import promised

pytestmark = pytest.mark.guest
HEAD = "#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-timeout: {timeout}\n"
MIB = 1 << 20


def ran(served, name, body, *, timeout=120, **form):
    """The run's row once it has ended; its clone is removed."""
    pk = served.order(f"{name}.sh", HEAD.format(timeout=timeout) + body, name=name, **form)
    return served.run_over(pk, timeout_s=promised(timeout + 60))


def output(served, run):
    return served.admin.get(f"/runs/{run['id']}/output.txt")


def removed(served, name):
    assert served.admin.command(f"remove name={name}")["success"]


def server_kib(served):
    with Path(f"/proc/{served.server.pid}/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize(
    ("name", "body", "ends"),
    [
        pytest.param(
            *("panics", "echo before; sync; echo c > /proc/sysrq-trigger; sleep 60", ("failed", "timed_out")),
            marks=pytest.mark.long,
        ),
        ("reboots", "echo before; sync; (reboot -f &); sleep 60", ("failed", "timed_out")),
        ("powers-off", "echo before; sync; (poweroff -f &); sleep 60", ("failed",)),
    ],
)
def test_a_machine_that_goes_from_under_its_script_ends_the_run(served, name, body, ends):
    run = ran(served, name, body, timeout=10)
    assert run["status"] in ends
    assert (run["failed_phase"], run["exit_code"]) == ("script", None)
    words = {"reboots": "The guest restarted itself", "powers-off": "The guest powered itself off"}
    assert run["status"] == "timed_out" or run["failure"] == f"{words[name]} while the script ran"
    assert output(served, run).startswith("before\n")
    assert served.clone(name)["status"] in ("stopped", "failed")
    removed(served, name)


@pytest.mark.long
def test_a_full_disk_is_the_scripts_failure_and_the_clone_can_be_let_go(served):
    run = ran(served, "fills-up", "cat /dev/zero > /fill; echo full >&2; rm /fill; exit 7")
    assert (run["status"], run["exit_code"]) == ("failed", 7)
    assert "full\n" in output(served, run)
    assert served.clone("fills-up")["status"] == "stopped"
    removed(served, "fills-up")


@pytest.mark.long
def test_a_hundred_megabytes_in_one_line_cost_the_server_little(served):
    before = server_kib(served)
    run = ran(served, "long-line", f"head -c {100 * MIB} /dev/zero; echo; echo end")
    assert (run["status"], run["line_count"]) == ("succeeded", 2)
    assert run["output_bytes"] == 100 * MIB + len("\nend\n")
    assert server_kib(served) - before < 64 * 1024
    line, end = output(served, run).splitlines()
    assert line.endswith("[cut: the line is longer than 8 KiB]") and end == "end"
    removed(served, "long-line")


def test_nonsense_is_kept_as_text_that_can_do_nothing(served):
    run = ran(
        served, "nonsense", "head -c 300000 /dev/urandom; echo; printf '\\033]0;title\\007\\033[2Jend\\n'"
    )
    text = output(served, run)
    assert run["status"] == "succeeded"
    assert text.endswith("end\n")
    assert "\x1b[2J" not in text and "\x07" not in text
    assert "nonsense" in served.admin.get(f"/runs/{run['id']}/")
    removed(served, "nonsense")
