"""A clone made, used, frozen, kept, taken back, stopped, started, removed: with the contract's results."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.site import wait_until

pytestmark = pytest.mark.guest


def test_a_clone_answers_with_what_it_is_and_where_its_time_went(served, lab):
    assert lab["operation"] == "clone"
    assert (lab["name"], lab["basedOn"], lab["started"]) == ("lab", "demo", True)
    assert lab["path"] in ("cold", "memory", "spare")
    assert {"disk_ms", "start_ms"} <= set(lab["timings"])
    assert all(ms is None or ms >= 0 for ms in lab["timings"].values())
    assert sum(ms or 0 for ms in lab["timings"].values()) > 0
    way = {"cold": "cold boot", "memory": "memory clone", "spare": "warm spare"}[lab["path"]]
    why = f", because {lab['reason']}" if lab["reason"] else ""
    assert re.fullmatch(rf"Clone lab of demo ready in \d+ ms \({re.escape(way + why)}\)", lab["output"])


def test_its_disk_is_a_sound_layer_over_the_base(served, lab):
    disk = Path(lab["disk"])
    assert disk.name == "lab.qcow2"
    chain = subprocess.run(
        ["qemu-img", "info", "-U", "--backing-chain", str(disk)], capture_output=True, text=True, check=True
    )
    base = served.admin.command("list_bases")["bases"][0]
    through_a_template = lab["path"] != "cold"
    assert chain.stdout.count("\nimage: ") + 1 == 2 + through_a_template
    assert base["diskPath"] in chain.stdout
    assert disk.stat().st_blocks * 512 < Path(base["diskPath"]).stat().st_size


def test_a_command_answers_with_its_streams_and_its_status(served, lab):
    command = "echo out; echo err >&2; hostname; exit 4"
    result = served.admin.command(f'execute vm=lab command="{command}"')
    assert (result["vm"], result["exitCode"], result["code"]) == ("lab", 4, "command_failed")
    assert (result["stdout"], result["stderr"]) == ("out\nlab\n", "err\n")
    assert result["success"] is False


def test_a_command_that_does_not_end_is_ended(served, lab):
    result = served.admin.command("execute vm=lab command='sleep 71' timeout=1000")
    assert (result["success"], result["code"]) == (False, "timeout")
    left = served.admin.command("execute vm=lab command='ps | grep -c [s]leep\\ 71'")
    assert left["stdout"].strip() == "0"


def test_files_go_in_and_come_out_unchanged(served, lab):
    sent = served.data / "import" / "sent.bin"
    sent.write_bytes(bytes(range(256)) * 500)
    assert served.admin.command("copy_to vm=lab local=sent.bin remote=/root/there.bin")["success"]
    result = served.admin.command("copy_from vm=lab remote=/root/there.bin local=back.bin")
    assert result["success"], result
    assert Path(result["local"]).read_bytes() == sent.read_bytes()


def test_a_paused_clone_says_so_and_goes_on(served, lab):
    paused = served.admin.command("pause name=lab")
    assert (paused["vm"], paused["status"]) == ("lab", "paused")
    refused = served.admin.command("execute vm=lab command=true")
    assert (refused["code"], "paused" in refused["output"]) == ("conflict", True)
    assert served.admin.command("resume name=lab")["status"] == "running"


def test_the_console_was_kept(served, lab):
    result = served.admin.command("logs name=lab lines=20")
    assert result["success"]
    assert 0 < len(result["logs"].splitlines()) <= 20


def test_list_and_inspect_tell_the_same(served, lab):
    listed = next(vm for vm in served.admin.command("list")["vms"] if vm["name"] == "lab")
    inspected = served.admin.command("inspect name=lab")
    assert listed == {key: inspected[key] for key in listed}
    assert (listed["image"], listed["status"]) == ("demo", "running")
    assert [forward["guest"] for forward in listed["network"]["forwards"]] == [22]


def test_a_snapshot_takes_the_disk_back(served, lab):
    """Also what stop and start answer, since a disk is only taken back while its machine is off."""
    do = served.admin.command
    assert do("execute vm=lab command='echo before > /root/mark; sync'")["success"]
    assert do("snapshot name=lab snapshot_name=before")["success"]
    assert do("execute vm=lab command='echo after > /root/mark; sync'")["success"]
    assert do("restore name=lab snapshot_name=before")["code"] == "conflict"
    assert do("stop name=lab")["status"] == "stopped"
    assert do("stop_if_running name=lab")["skipped"] is True
    assert do("restore name=lab snapshot_name=before")["success"]
    assert do("start name=lab")["status"] == "running"
    assert do("start_if_stopped name=lab")["skipped"] is True
    assert do("execute vm=lab command='cat /root/mark'")["stdout"] == "before\n"


def test_a_reset_clone_boots_its_base_as_who_it_is(served, lab):
    """One that went on from memory has never booted from its base before."""
    do = served.admin.command
    made = do("clone base=demo name=again path=memory")
    assert made["success"], made
    assert do("execute vm=again command='echo kept > /root/mark; sync'")["success"]
    assert do("stop name=again")["status"] == "stopped"
    assert do("reset name=again")["success"]
    started = do("start name=again")
    assert started["success"], started
    told = do("execute vm=again command='hostname; test -e /root/mark || echo gone'")
    assert told["stdout"] == "again\ngone\n"
    assert do("remove name=again")["success"]


def test_the_base_was_not_touched_and_the_layer_is_clean(served, lab):
    assert served.admin.command("clone base=demo name=check no_start=true")["success"]
    disk = served.admin.command("inspect name=check")["disk"]
    assert subprocess.run(["qemu-img", "check", disk], capture_output=True).returncode == 0
    base = Path(served.admin.command("list_bases")["bases"][0]["diskPath"])
    digest = subprocess.run(["sha256sum", str(base)], capture_output=True, text=True, check=True)
    assert digest.stdout.split()[0] == base.stem
    assert served.admin.command("remove name=check")["status"] == "removed"


def test_removal_leaves_nothing(served, lab):
    made = served.admin.command("clone base=demo name=gone no_start=true")
    assert (made["started"], Path(made["disk"]).exists()) == (False, True)
    removed = served.admin.command("remove name=gone")
    assert (removed["success"], removed["vm"], removed["status"]) == (True, "gone", "removed")
    assert not Path(made["disk"]).parent.exists()
    assert served.admin.command("inspect name=gone")["code"] == "not_found"


def test_a_machine_killed_from_outside_is_said_to_have_failed(served, lab):
    assert served.admin.command("clone base=demo name=doomed")["success"]
    said = served.admin.command("execute vm=doomed command='echo my last words > /dev/console'")
    assert said["success"], said
    subprocess.run(["kill", "-9", str(served.qemu_pid("doomed"))], check=True)
    wait_until(lambda: served.clone("doomed")["status"] == "failed", timeout_s=30)
    clone = served.clone("doomed")
    assert clone["failure"] == "The machine's process ended without being asked to"
    assert "my last words" in clone["failure_detail"]
    assert served.admin.command("execute vm=doomed command=true")["code"] == "conflict"
    assert served.admin.command("remove name=doomed")["success"]
