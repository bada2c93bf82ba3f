"""Scripts in guests: the examples, what a header asks for, and a base without the runtime."""

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.guest
KEYS = """#!/bin/sh
# kvm-infra-use: demo
# rexxjs-vm-memory: 192M
# kvm-infra-cpus: 2
# rexxjs-vm-ingress-port: 8080, 8081
# kvm-infra-egress-ports: none
# kvm-infra-timeout: 6
# kvm-infra-check: tcp:8080
# kvm-infra-check: exec:test -e /never
mkdir /www; echo here > /www/index.html
for port in 8080 8081 8082; do httpd -p $port -h /www; done
echo "cpus=$(nproc)"
echo "memory=$(awk '/MemTotal/ {print $2}' /proc/meminfo)"
nc -w 1 192.0.2.1 443 </dev/null 2>/dev/null && echo out=open || echo out=closed
"""
WEB = "examples/web.sh"
PHASES = ["parse", "allocate", "clone", "start", "ready", "runtime", "script"]


@pytest.fixture(scope="module")
def web(served):
    """The example that serves a page, provisioned with its machine kept; made in a shell."""
    result = served.cow(f"provision script={WEB} name=web keep_running=true snapshot=true")
    assert result["success"], result
    yield result
    assert served.admin.command("remove name=web")["success"]


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


def test_each_key_of_a_header_has_its_effect_in_the_guest(served, lab):
    """Both dialects at once; measured from inside, and its ports from outside."""
    served.script("keys.sh", KEYS)
    result = served.admin.command("provision script=keys.sh name=keys keep_running=true")
    assert (result["success"], result["code"]) == (False, "timeout"), result
    said = dict(line.split("=") for line in result["stdout"].splitlines())
    assert (said["cpus"], said["out"]) == ("2", "closed")
    assert 192 * 0.7 < int(said["memory"]) / 1024 < 192
    assert [each["guest"] for each in result["ingress"]] == [8080, 8081]
    for each in result["ingress"]:
        with urllib.request.urlopen(each["url"], timeout=60) as answer:
            assert answer.read() == b"here\n"
    forwards = served.admin.command("inspect name=keys")["network"]["forwards"]
    assert [each["guest"] for each in forwards] == [22, 8080, 8081]
    run = served.run(result["run"])
    assert (run["status"], run["failed_phase"]) == ("timed_out", "checks")
    checks = {row["check"]: row["state"] for row in json.loads(run["checks"])}
    assert checks == {"tcp:8080": "done", "exec:test -e /never": "failed"}
    assert served.admin.command("remove name=keys")["success"]


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
    sentence = "fails.sh on fails: The script ended with exit status 3"
    assert (fails["code"], fails["error"], fails["output"]) == ("script_failed", sentence, sentence)
    assert "Giving up\n" in fails["stderr"]
    for result in (hello, fails):
        assert {f"{phase}_ms" for phase in PHASES} <= set(result["timings"])
        assert served.clone(result["vm"])["status"] == "stopped"


def test_a_base_without_the_runtime_is_brought_it(served):
    built = served.manage("build_base", "tiny", "--without-rexx", "--register", "bare", timeout_s=900)
    assert built.returncode == 0, built.stderr
    assert served.admin.command("set_pool base=bare instant=false")["success"]  # one clone is all
    result = served.admin.command("provision script=hello.rexx base=bare name=bare-one")
    assert result["success"], result
    assert "the sum so far 55" in result["stdout"]
    note = served.row(
        "SELECT note FROM provisioning_runphase WHERE run_id = ? AND name = 'runtime'", result["run"]
    )["note"]
    assert re.fullmatch(r"brought \S+, sha256 [0-9a-f]{12}", note)
