"""Scripts in guests: the examples, what a header asks for, and a base without the runtime."""

import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.guest
PHASES = ["parse", "allocate", "clone", "start", "ready", "runtime", "script"]


def test_the_web_example_keeps_its_machine_and_its_page_answers(served, web):
    assert (web["operation"], web["vm"], web["status"], web["exitCode"]) == ("provision", "web", "running", 0)
    assert web["ingressPort"] == 8080
    assert [each["guest"] for each in web["ingress"]] == [8080]
    with urllib.request.urlopen(web["ingress"][0]["url"], timeout=60) as answer:
        assert answer.read() == b"<h1>Served by web</h1>\n"
    assert {f"{phase}_ms" for phase in [*PHASES, "checks", "snapshot", "release"]} == set(web["timings"])


def test_the_machine_has_what_the_header_asked_for(served, web):
    result = served.admin.command("execute vm=web command='nproc; grep MemTotal /proc/meminfo'")
    cpus, memory = result["stdout"].splitlines()
    assert cpus == "1"
    assert 256 * 0.7 < int(re.findall(r"\d+", memory)[0]) / 1024 < 256


def test_the_snapshot_it_was_asked_for_is_there(served, web):
    assert web["snapshot"] == f"run-{web['run']}"
    assert served.admin.command("inspect name=web")["snapshots"] == [web["snapshot"]]


def test_two_runs_at_once_each_end_as_they_should(served):
    """The REXX example, and the one that fails on purpose."""
    lines = ["provision script=hello.rexx name=hello", "provision script=fails.sh name=fails"]
    with ThreadPoolExecutor(2) as pool:
        hello, fails = pool.map(served.admin.command, lines)
    assert (hello["success"], hello["status"], hello["exitCode"]) == (True, "provisioned", 0), hello
    assert "square 5 is 25, the sum so far 55" in hello["stdout"]
    assert "This machine is called hello" in hello["stdout"]
    assert (fails["success"], fails["status"], fails["exitCode"]) == (False, "failed", 3)
    assert (fails["code"], fails["error"]) == ("script_failed", "The script ended with exit status 3")
    assert "Giving up\n" in fails["stderr"]
    for result in (hello, fails):
        assert {f"{phase}_ms" for phase in PHASES} <= set(result["timings"])
        assert served.clone(result["vm"])["status"] == "stopped"


def test_a_base_without_the_runtime_is_brought_it(served):
    built = served.manage("build_base", "tiny", "--without-rexx", "--register", "bare", timeout_s=900)
    assert built.returncode == 0, built.stderr
    result = served.admin.command("provision script=hello.rexx base=bare name=bare-one")
    assert result["success"], result
    assert "the sum so far 55" in result["stdout"]
    note = served.row(
        "SELECT note FROM provisioning_runphase WHERE run_id = ? AND name = 'runtime'", result["run"]
    )["note"]
    assert re.fullmatch(r"brought \S+, sha256 [0-9a-f]{12}", note)
