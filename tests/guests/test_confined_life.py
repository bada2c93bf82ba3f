"""Whatever happens to a machine, its QEMU has no rights: looked at in the kernel after each step of its life."""

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


def is_held(served, name) -> int:
    """Its user, its rights, and what it can read; returns its pid."""
    row = served.clone(name)
    record = SimpleNamespace(pid=served.qemu_pid(name))
    facts = facts_of(record.pid)
    assert set(facts["Uid"].split()) == set(facts["Gid"].split()) == {str(group_of(UUID(row["uuid"])))}
    assert {key: int(facts[key], 16) for key in NO_RIGHTS} == NO_RIGHTS
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    own = served.data / "clones" / row["uuid"][:12] / f"{name}.qcow2"
    others = [one for one in served.data.glob("clones/*/*.qcow2") if one != own]
    shadow = Path("/etc/shadow")
    closed = [served.data / "db.sqlite3", served.data / "administrator.password", shadow, *others]
    assert all(one.exists() for one in closed) and others
    assert [one for one in closed if reads(record, one)] == []
    assert reads(record, own) and not writes(record, own.parent / "machine.json")
    return record.pid


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
