"""Every verb refuses what cannot be done with its reason, and each command leaves one entry in the audit."""

import json

import pytest

from audit.models import AuditEntry, AuditOutcome
from bases.models import BaseRevision
from clones.models import Clone
from commands.dispatch import VERBS, run_command
from commands.service import Caller
from commands.verbs import TABLE
from hosts.models import Job
from provisioning.models import Run

pytestmark = pytest.mark.slow

NO_CLONE = "Clone nobody not found"
STOPPED = "web is stopped"
REFUSALS = [
    ("register_base", "invalid", "register_base requires name and disk parameters"),
    ("register_base name=x disk=nothing.qcow2", "not_found", "There is no file 'nothing.qcow2'"),
    ("register_base name=x disk=/etc/passwd", "forbidden", "outside the import folders"),
    ("register_base name=x disk=../db.sqlite3", "not_found", "There is no file"),
    ("register_base name=demo disk=disk.qcow2", "name_taken", "There is a base image demo already"),
    ("register_base name=x disk=disk.qcow2 boot=floppy", "invalid", "write bios or uefi"),
    ("import_base name=x", "invalid", "import_base requires url parameter"),
    ("import_base name=x url=http://images.test/x", "invalid", "must begin with https"),
    ("import_base name=x image=windows", "not_found", "The catalogue has no image windows"),
    ("import_base name=x url=https://127.0.0.1/x digest=1", "invalid", "64 hexadecimal digits"),
    ("cancel_import import=9", "not_found", "Import 9 not found"),
    ("list_revisions base=nothing", "not_found", "Base image nothing not found"),
    ("approve_base base=demo@9", "not_found", "Base image demo has no revision 9"),
    ("approve_base base=demo", "conflict", "demo@1 is approved; it cannot become approved"),
    ("deprecate_base base=demo successor=demo", "invalid", "is demo@1 itself"),
    ("deprecate_base base=Demo", "invalid", "is not a name"),
    ("retire_base base=demo", "conflict", "Refused: 1 depends on demo@1: clone web of admin"),
    ("alias_base base=demo alias=next", "invalid", "takes to=REVISION, or remove=true"),
    ("alias_base base=demo alias=2nd to=1", "invalid", "is not an alias"),
    ("alias_base base=demo alias=next to=2", "not_found", "no revision 2"),
    ("rollback_base base=demo", "not_found", "was never moved from another revision"),
    ("verify_base base=nothing", "not_found", "Base image nothing not found"),
    ("base_visibility base=demo for=nobodies", "not_found", "Team nobodies not found"),
    ("list_templates base=nothing", "not_found", "Base image nothing not found"),
    ("build_template base=demo memory=9000G", "quota", "A clone may have"),
    ("build_template base=demo memory=much", "invalid", "memory="),
    ("retire_template template=9", "not_found", "There is no template 9"),
    ("show_pool base=nothing", "not_found", "Base image nothing not found"),
    ("set_pool base=demo minimum=9", "conflict", "above the maximum"),
    ("set_pool base=demo minimum=-1", "invalid", "write a whole number from 0 to 256"),
    ("help verb=dance", "not_found", "There is no verb dance"),
    ("reset name=nobody", "not_found", NO_CLONE),
    ("delete_snapshot name=web snapshot_name=s", "not_found", "web has no snapshot s"),
    ("clone base=demo@next", "not_found", "Base image demo has no alias next"),
    ("clone", "invalid", "clone requires base parameter"),
    ("clone base=nothing", "not_found", "Base image nothing not found"),
    ("clone base=demo@9", "not_found", "Base image demo has no revision 9"),
    ("clone base=demo name=web", "name_taken", "There is a clone web already"),
    ("clone base=demo name=Web", "invalid", "is not a name"),
    ("clone base=demo memory=9000G", "quota", "memory=9216000M is more than the host's limit"),
    ("clone base=demo cpus=1000", "quota", "cpus=1000 is more than the host's limit"),
    ("clone base=demo path=fast", "invalid", "path="),
    ("clone base=demo count=65", "invalid", "count="),
    ("clone from=nowhere", "not_found", "nowhere"),
    ("clone base=demo owner=mia", "invalid", "unknown key 'owner'"),
    ("provision script=nothing.sh", "not_found", "Script nothing.sh not found"),
    ("provision script=/etc/passwd", "forbidden", "outside the import folders"),
    ("provision script=baseless.sh", "invalid", "Script missing required metadata: rexxjs-vm-base"),
    ("provision script=wrong.sh", "invalid", "line 2"),
    ("provision script=good.sh name=web", "name_taken", "There is a clone web already"),
    ("provision script=good.sh base=nothing", "not_found", "Base image nothing not found"),
    ("provision script=good.sh keep_running=true after=stop", "invalid", "contradicts keep_running=true"),
    ("provision script=good.sh snapshot=true after=remove", "invalid", "would remove the snapshot"),
    ("provision script=good.sh after=burn", "invalid", "write stop, keep or remove"),
    ("cancel run=7", "not_found", "Run 7 not found"),
    ("cancel run=last", "invalid", "is not a run's number"),
    ("register_runtime name=../x", "invalid", "write up to 40"),
    ("remove_runtime name=perl", "not_found", "Runtime perl not found"),
    ("install_runtime name=perl base=demo", "not_found", "Runtime perl not found"),
    ("send run=7 text=yes", "not_found", "Run 7 not found"),
    ("retry run=7", "not_found", "Run 7 not found"),
    ("retry run=7 phase=lunch", "invalid", "write parse, allocate"),
    ("keep run=7", "not_found", "Run 7 not found"),
    ("parse script=nothing.sh", "not_found", "Script nothing.sh not found"),
    ("save_script name=x.sh file=no.sh", "not_found", "no file 'no.sh'"),
    ("show_script name=no.sh", "not_found", "Script no.sh not found"),
    ("remove_script name=no.sh", "not_found", "Script no.sh not found"),
    ("inspect name=nobody", "not_found", NO_CLONE),
    ("start name=nobody", "not_found", NO_CLONE),
    ("stop name=web", "conflict", STOPPED),
    ("restart name=web", "conflict", STOPPED),
    ("pause name=web", "conflict", STOPPED),
    ("resume name=web", "conflict", STOPPED),
    ("remove name=nobody", "not_found", NO_CLONE),
    ("remove name=web bin=yes", "invalid", "write true or false"),
    ("undelete name=web", "not_found", "Clone web is not in the bin"),
    ("list_sessions user=nobody", "not_found", "User nobody not found"),
    ("end_session session=99", "not_found", "This session has ended already"),
    ("disable_user user=nobody", "not_found", "User nobody not found"),
    ("create_team name=none", "invalid", "'none' stands for no team"),
    ("remove_team name=nothing", "not_found", "Team nothing not found"),
    ("set_member team=nothing user=admin place=owner", "not_found", "Team nothing not found"),
    ("set_role user=nobody role=curator", "not_found", "User nobody not found"),
    ("invite team=nothing", "not_found", "Team nothing not found"),
    ("import_base name=x path=disk.qcow2 boot=floppy", "invalid", "write bios or uefi"),
    ("import_base name=x path=disk.qcow2 seed=paper", "invalid", "write fw_cfg or cloud-init"),
    ("import_base name=x path=nothing.qcow2", "not_found", "There is no file 'nothing.qcow2'"),
    ("enable_user user=nobody", "not_found", "User nobody not found"),
    ("password_link user=nobody", "not_found", "User nobody not found"),
    ("purge name=web", "not_found", "Clone web is not in the bin"),
    ("extend name=nobody", "not_found", NO_CLONE),
    ("extend name=web hours=0", "invalid", "write a whole number from 1"),
    ("lease team=nobodies", "not_found", "Team nobodies not found"),
    ("lease base=demo default=9 most=8", "invalid", "default=9 is more than most=8"),
    ("clone base=demo lease=9000", "quota", "lease=9000 is more than the 720 h"),
    ("list_idle hours=few", "invalid", "is not a number of hours"),
    ("share name=web", "invalid", "share requires user parameter"),
    ("share name=web user=nobody", "not_found", "User nobody not found"),
    ("share name=web team=nobodies", "not_found", "Team nobodies not found"),
    ("share name=web user=admin", "conflict", "web is admin's already"),
    ("share name=web user=mia level=own", "invalid", "write read or use"),
    ("unshare name=web user=mia", "not_found", "web is not shared with mia"),
    ("transfer name=web user=admin", "conflict", "web is admin's already"),
    ("transfer name=web team=nobodies", "not_found", "Team nobodies not found"),
    ("start_if_stopped name=nobody", "not_found", NO_CLONE),
    ("stop_if_running name=nobody", "not_found", NO_CLONE),
    ("save_state name=web", "conflict", STOPPED),
    ("restore_state name=web", "conflict", "web has no saved memory"),
    ("set_egress name=web egress_ports=all", "invalid", "or `open`, or `none` alone"),
    ("set_egress name=nobody egress_ports=443", "not_found", NO_CLONE),
    ("forward name=web port=8080", "conflict", "only a running clone can be given ports"),
    ("forward name=web port=70000", "invalid", "write a whole number from 1 to 65535"),
    ("share_port name=web port=22", "invalid", "Port 22 is for SSH"),
    ("share_port name=web port=80 hours=900", "invalid", "from 1 to 720"),
    ("share_port name=web port=80", "conflict", "is not forwarded"),
    ("revoke_link name=web link=7", "not_found", "web has no link 7"),
    ("snapshot name=nobody snapshot_name=s", "not_found", NO_CLONE),
    ("snapshot name=web snapshot_name=S!", "invalid", "is not a name"),
    ("restore name=web snapshot_name=s", "not_found", "web has no snapshot s"),
    ("flatten name=nobody", "not_found", NO_CLONE),
    ("flatten name=web", "conflict", "there is nothing to flatten"),
    ("promote name=web as=Web", "invalid", "is not a name"),
    ("rebase name=web", "conflict", "there is no newer revision to go to"),
    ("rebase base=demo to=9", "not_found", "Base image demo has no revision 9"),
    ("execute vm=web command=true", "conflict", STOPPED),
    ("execute vm=nobody command=true", "not_found", NO_CLONE),
    ("copy_to vm=web local=disk.qcow2 remote=/x", "conflict", STOPPED),
    ("copy_to vm=web local=/etc/passwd remote=/x", "forbidden", "outside the import folders"),
    ("copy_from vm=web remote=/x local=y", "conflict", STOPPED),
    ("list_copies vm=none", "not_found", "none"),
    ("cancel_copy copy=9", "not_found", "Copy 9 not found"),
    ("copy_from vm=web remote=/x local=../y", "forbidden", "outside the import folder"),
    ("copy_from vm=web remote=/x local=disk.qcow2", "conflict", "is there already"),
    ("logs name=nobody", "not_found", NO_CLONE),
    ("quota user=nobody", "not_found", "User nobody not found"),
    ("set_quota quota=clones limit=many user=admin", "invalid", "is not a limit"),
    ("request_quota quota=clones limit=9 until=2020-01-01 why=x", "invalid", "no day from today"),
    ("approve request=7", "not_found", "Request 7 not found"),
    ("refuse request=7 note=no", "not_found", "Request 7 not found"),
    ("withdraw_request request=7", "not_found", "Request 7 not found"),
    ("security_audit lines=0", "invalid", "lines"),
    ("list_findings state=lost", "invalid", "'lost' is not known here"),
    ("decide_finding finding=99 decision=leave", "not_found", "Finding 99 not found"),
    ("fly name=web", "invalid", "unknown command"),
    ("", "invalid", "the line is empty"),
    ("list\nremove name=web", "invalid", "a second line"),
]


@pytest.fixture
def scripts(site):
    folder = site.COWWEB_IMPORT_FOLDERS[0]
    (folder / "good.sh").write_text("# kvm-infra-use: demo\ntrue\n")
    (folder / "baseless.sh").write_text("# kvm-infra-cpus: 1\ntrue\n")
    (folder / "wrong.sh").write_text("# kvm-infra-use: demo\n# kvm-infra-cpus: many\ntrue\n")


def test_a_refusal_has_its_reason_and_one_entry_and_makes_nothing(web, do, scripts, subtests):
    for line, code, words in REFUSALS:
        with subtests.test(line):
            before = AuditEntry.objects.count()
            result = do(line)
            assert (result["success"], result["code"]) == (False, code), result
            assert words in result["error"]
            assert result["output"] == result["error"]
            assert json.loads(json.dumps(result)) == result
            (entry,) = AuditEntry.objects.order_by("pk")[before:]
            assert (entry.actor_name, entry.outcome.result) == ("admin", AuditOutcome.Result.REFUSED)
            assert entry.outcome.reason == result["error"]
            assert list(Clone.objects.values_list("name", "status")) == [("web", "stopped")]
            assert not Run.objects.exists()
            assert not Job.objects.unfinished().exists()


def test_every_verb_of_the_language_can_be_carried_out_or_says_why_not():
    assert set(VERBS) == {verb.name for verb in TABLE}
    assert {line.split()[0] for line, _, _ in REFUSALS if line} >= {verb.name for verb in TABLE if verb.keys}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("list_bases", {"count": 1}),
        ("list", {"count": 1}),
        ("deprecate_base base=demo why=old", {"stage": "deprecated", "status": "deprecated"}),
        ("retire_base base=demo rehearse=true", {"dependents": ["clone web of admin"], "retiredWith": []}),
        ("alias_base base=demo alias=lts to=1", {"alias": "lts", "revision": 1}),
        ("verify_base base=demo", {"base": "demo"}),
        ("base_visibility base=demo for=curators", {"teams": []}),
        ("status", {"activeVMs": 0}),
        ("inspect name=web", {"name": "web", "started": False, "basedOn": "demo", "snapshots": []}),
        ("stop_if_running name=web", {"vm": "web", "status": "stopped", "skipped": True}),
        ("set_egress name=web egress_ports=443,80", {"vm": "web", "egress": "443,80", "denied": 0}),
        ("snapshot name=web snapshot_name=s", {"vm": "web", "snapshot": "s"}),
        ("parse script=good.sh", {"problems": []}),
        ("logs name=web", {"vm": "web"}),
        ("security_audit", {"count": 3}),
        ("set_pool base=demo maximum=3 age_minutes=5", {"minimum": 0, "maximum": 3, "ageMinutes": 5}),
        ("show_pool base=demo", {"base": "demo", "ready": 0, "wanted": 0, "instant": True}),
        ("list_templates base=demo", {"count": 0}),
        ("build_template base=demo", {"status": "building", "memoryMb": 64}),
        ("reset name=web", {"vm": "web", "base": "demo@1"}),
        ("help verb=clone", {"verb": "clone"}),
        ("remove name=web", {"vm": "web", "status": "removed"}),
        ("clone base=demo name=two no_start=true", {"name": "two", "started": False, "path": "cold"}),
    ],
)
def test_what_is_done_has_the_contracts_keys_and_one_entry(new_entry, do, scripts, line, expected):
    result = do(line)
    assert result["success"], result
    assert result["operation"] == line.split()[0]
    assert "\n" not in result["output"]
    assert {key: result[key] for key in expected} == expected
    assert new_entry().outcome.result == AuditOutcome.Result.DONE


def test_an_import_says_how_its_image_boots_and_learns_who_it_is(demo, do):
    assert do("import_base name=other path=disk.qcow2 boot=uefi seed=fw_cfg")["success"]
    assert do("import_base name=usual path=disk.qcow2")["success"]
    said = BaseRevision.objects.exclude(base=demo).order_by("base__name").values_list("boot_kind", "seed")
    assert list(said) == [("uefi", "fw_cfg"), ("bios", "nocloud")]


def test_a_snapshots_name_is_taken_once_and_it_takes_the_disk_back(web, do):
    assert do("snapshot name=web snapshot_name=s")["success"]
    assert do("snapshot name=web snapshot_name=s")["code"] == "name_taken"
    assert do("restore name=web snapshot_name=s")["success"]
    assert do("delete_snapshot name=web snapshot_name=s")["output"] == "Snapshot s of web deleted"


def test_several_clones_are_made_together_or_not_at_all(demo, do):
    assert do("clone base=demo name=c-2 no_start=true")["success"]
    refused = do("clone base=demo name=c count=3 no_start=true")
    assert (refused["code"], refused["output"]) == ("name_taken", "There is a clone c-2 already")
    assert list(Clone.objects.values_list("name", flat=True)) == ["c-2"]
    assert Job.objects.unfinished().count() == 0
    made = do("clone base=demo name=d count=3 no_start=true")
    assert [one["name"] for one in made["clones"]] == ["d-1", "d-2", "d-3"]
    assert made["count"] == 3


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("register_base name=x disk=disk.qcow2", "forbidden"),
        ("inspect name=web", "not_found"),
        ("remove name=web", "not_found"),
        ("logs name=web", "not_found"),
        ("clone base=demo name=web no_start=true", "name_taken"),
    ],
)
def test_a_member_neither_curates_nor_sees_what_others_own(new_entry, member_actor, line, code):
    result = run_command(line, Caller(member_actor))
    assert (result["success"], result["code"]) == (False, code)
    assert new_entry().outcome.result == AuditOutcome.Result.REFUSED


def test_a_member_lists_and_audits_only_what_is_theirs(web, do, member_actor):
    caller = Caller(member_actor)
    assert run_command("list", caller)["count"] == 0
    assert run_command("clone base=demo name=mine no_start=true", caller)["success"]
    assert [vm["name"] for vm in run_command("list", caller)["vms"]] == ["mine"]
    do("list")
    trail = run_command("security_audit", caller)["entries"]
    assert {entry["actor"] for entry in trail} == {"mia"}
    assert [entry["action"] for entry in trail] == ["security_audit", "list", "clone", "list"]


def test_a_site_that_is_full_says_so(web, do, settings):
    settings.COWWEB_MAX_CLONES = 1
    result = do("clone base=demo")
    assert (result["code"], result["output"]) == (
        "quota",
        "The site keeps at most 1 clones: remove one first",
    )


def test_a_base_whose_file_is_gone_starts_no_clone_and_nothing_is_made(web, new_entry, do):
    web.revision.disk.unlink()
    result = do("clone base=demo name=broken")
    assert (result["success"], result["code"]) == (False, "conflict")
    assert "no longer matches its digest" in result["output"]
    assert not Clone.objects.filter(name="broken").exists()
    assert new_entry().outcome.result == AuditOutcome.Result.REFUSED
