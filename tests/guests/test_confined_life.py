"""Whatever happens to a machine, its QEMU has no rights: looked at in the kernel after each step of its life."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from hosts.drivers.egress_rules import group_of
from tests.support.in_its_place import facts_of, reads, writes
from tests.support.site import promised, wait_until

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give machines users of their own"),
]
NO_RIGHTS = {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "CapBnd": 0, "CapAmb": 0}


@pytest.fixture(autouse=True)
def canary(served):
    """What lies open in the data folder when a machine starts is closed to it."""
    file = served.data / "canary"
    file.write_text("nobody's but the site's")
    file.chmod(0o644)


def is_held(served, name) -> int:
    """Its user, its rights, and what it can read; returns its pid."""
    row = served.clone(name)
    has_no_rights(served, served.qemu_pid(name), row["uuid"], f"{name}.qcow2")
    return served.qemu_pid(name)


def has_no_rights(served, pid, uuid, disk) -> None:
    record, facts = SimpleNamespace(pid=pid), facts_of(pid)
    assert set(facts["Uid"].split()) == set(facts["Gid"].split()) == {str(group_of(UUID(uuid)))}
    assert {key: int(facts[key], 16) for key in NO_RIGHTS} == NO_RIGHTS
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    own = served.data / "clones" / uuid[:12] / disk
    others = [one for one in served.data.glob("clones/*/*.qcow2") if one != own]
    shadow, canary = Path("/etc/shadow"), served.data / "canary"
    closed = [served.data / "db.sqlite3", served.data / "administrator.password", shadow, canary, *others]
    assert all(one.exists() for one in closed) and others
    assert [one for one in closed if reads(record, one)] == []
    assert reads(record, own) and not writes(record, own.parent / "machine.json")


def does(served, command, **wanted):
    result = served.admin.command(command)
    assert result["success"], result
    assert {key: result[key] for key in wanted} == wanted
    return result


def says(served, name, command):
    return does(served, f"execute vm={name} command='{command}'")["stdout"]


def test_a_machine_has_no_rights_at_any_step_of_its_life(served):
    """From memory where it can be, branched alive, flattened while it runs, kept, saved, restored, adopted by
    another server, started cold."""
    does(served, "clone base=demo name=other no_start=true")
    does(served, "clone base=demo name=life path=memory")
    pid = is_held(served, "life")
    assert says(served, "life", "echo kept > /kept; sync; cat /kept") == "kept\n"
    does(served, "clone from=life name=branch live=true")
    is_held(served, "branch")
    assert says(served, "branch", "cat /kept") == "kept\n" and is_held(served, "life") == pid
    does(served, "flatten name=life")
    wait_until(lambda: not served.clone("life")["busy"], timeout_s=promised(60))
    does(served, "snapshot name=life snapshot_name=first")
    assert is_held(served, "life") == pid
    served.kill_server()
    served.serve()
    assert says(served, "life", "hostname") == "life\n" and is_held(served, "life") == pid
    does(served, "save_state name=life")
    does(served, "restore_state name=life")
    assert says(served, "life", "cat /kept") == "kept\n"
    assert is_held(served, "life") != pid
    does(served, "set_egress name=life egress_ports=none")
    does(served, "stop name=life")
    does(served, "restore name=life snapshot_name=first")
    does(served, "start name=life")
    is_held(served, "life")
    for name in ("branch", "life", "other"):
        does(served, f"remove name={name}")


def pool_of(served, *, minimum: int) -> None:
    most = {"maximum": "1", "refill_per_minute": "60", "age_minutes": "60", "instant": "on"}
    form = {"minimum": str(minimum), **most}
    served.admin.post("/bases/demo/pool/", **{f"pool-{key}": value for key, value in form.items()})


def test_a_spare_that_waits_has_no_rights_either_nor_once_it_is_somebodys(served):
    does(served, "clone base=demo name=other no_start=true")
    pool_of(served, minimum=1)
    waiting = "SELECT uuid, record FROM pools_spare WHERE status = 'ready'"
    wait_until(lambda: served.rows(waiting), timeout_s=promised(180))
    spare = served.row(waiting)
    pid = json.loads(spare["record"])["pid"]
    has_no_rights(served, pid, spare["uuid"], "spare.qcow2")
    pool_of(served, minimum=0)
    does(served, "clone base=demo name=taken path=spare", path="spare")
    assert is_held(served, "taken") == pid
    assert says(served, "taken", "hostname") == "taken\n"
    for name in ("taken", "other"):
        does(served, f"remove name={name}")


@pytest.mark.long
def test_a_debian_with_firmware_has_no_rights_either(served):
    built = served.manage("build_base", "debian", "--register", "debian", timeout_s=1500)
    assert built.returncode == 0, built.stderr
    does(served, "clone base=demo name=other no_start=true")
    does(served, "clone base=debian name=firm path=cold")
    is_held(served, "firm")
    does(served, "save_state name=firm")
    does(served, "restore_state name=firm")
    is_held(served, "firm")
    does(served, "clone base=debian name=firm-2 path=memory")
    is_held(served, "firm-2")
    for name in ("firm", "firm-2", "other"):
        does(served, f"remove name={name}")
