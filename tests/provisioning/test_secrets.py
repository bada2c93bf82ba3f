"""A secret parameter is in no row, log, record or page in clear, and in none at all once the run has ended."""

import json
import logging
import subprocess

import pytest
from django.core import serializers
from django.db import connection
from django.test import Client

from audit.models import AuditEntry
from bases.services import Facts, Source, base_register
from clones.models import Clone
from commands.dispatch import run_command
from commands.service import Caller
from cowweb.clean import CUT_MARK
from cowweb.errors import DomainError
from provisioning.endings import ending_written
from provisioning.going_on import run_retry
from provisioning.handing import handed
from provisioning.launch import Launch
from provisioning.models import Run, RunSecrets
from provisioning.output import Recorder, stream_text
from provisioning.phases import run_moved
from provisioning.sealed import HIDDEN, secrets_of
from provisioning.services import Order, run_again, run_create
from tests.support.copied_run import beside

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
CANARY = "c4n4ry-0f-4-s3cr3t"
SCRIPT = b"#!/bin/sh\n# kvm-infra-use: demo\n# kvm-infra-param: TOKEN secret\n# kvm-infra-param: region text = eu\ntrue\n"


@pytest.fixture
def demo(site, actor):
    disk = site.COWWEB_IMPORT_FOLDERS[0] / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    (site.COWWEB_IMPORT_FOLDERS[0] / "s.sh").write_bytes(SCRIPT)
    return base_register(name="demo", source=Source(disk), facts=Facts(memory_mb=64, cpus=1), actor=actor)


@pytest.fixture
def run(demo, actor) -> Run:
    order = Order(text=SCRIPT, script_name="s.sh", parameters={"TOKEN": CANARY, "region": "us"})
    return run_create(order, actor=actor).run


def everything_stored() -> str:
    """Every row of every table, and its bytes."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return "".join(repr(cursor.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables)


def test_it_lives_sealed_while_the_run_needs_it_and_not_after(run):
    assert CANARY not in everything_stored()
    assert secrets_of(run.pk) == {"TOKEN": CANARY}
    assert run.parameters == [
        {"name": "TOKEN", "kind": "secret", "value": None, "given": True},
        {"name": "region", "kind": "text", "value": "us", "given": True},
    ]
    ending_written(run, "failed", f"it said {CANARY}", f"on the console: {CANARY}", "script")
    assert run.failure_detail == f"on the console: {HIDDEN}"
    run_moved(run.pk, to="failed")
    run.refresh_from_db()
    assert (run.failure, RunSecrets.objects.count()) == (f"it said {HIDDEN}", 0)
    with pytest.raises(DomainError, match="was deleted when the run ended"):
        handed(Launch("true", b""), run)


def test_it_reaches_the_guest_by_standard_input_only(run):
    launch = handed(Launch("true", b"script"), run)
    assert CANARY not in launch.command
    assert CANARY.encode() in launch.stdin and launch.stdin.endswith(b"\nscript")


def test_what_the_guest_prints_of_it_is_hidden_also_across_pieces_and_at_the_cut(run):
    recorder = Recorder(run)
    for piece in (f"token={CANARY[:5]}", f"{CANARY[5:]}\n", f"{'x' * 8185}{CANARY}\n"):
        recorder.take("stdout", piece.encode())
    recorder.note(f"and we say {CANARY}")
    recorder.close()
    text = stream_text(run.pk, "stdout")
    assert text.startswith(f"token={HIDDEN}\n") and CANARY[:5] not in text
    assert stream_text(run.pk, "note") == f"and we say {HIDDEN}\n"


def test_a_long_one_that_is_printed_over_and_over_in_one_line_leaves_no_part_of_it(demo, actor):
    """What is held of a line ends somewhere in it."""
    secret = "".join(chr(97 + at % 26) for at in range(5000))
    run = run_create(Order(text=SCRIPT, script_name="s.sh", parameters={"TOKEN": secret}), actor=actor).run
    recorder = Recorder(run)
    recorder.take("stdout", (secret * 10 + "\nshort\n").encode())
    recorder.close()
    first, second = stream_text(run.pk, "stdout").splitlines()
    assert "abc" not in first
    assert (first.endswith(CUT_MARK), second) == (True, "short")


def test_a_retry_of_the_script_takes_it_again_and_says_so_before(run, actor, client, admin):
    Run.objects.filter(pk=run.pk).update(failed_phase="script", failure="It failed", exit_code=1)
    Clone.objects.update(status="failed")
    run_moved(run.pk, to="failed")
    run.refresh_from_db()
    client.force_login(admin)
    assert (
        'type="password" id="again-TOKEN" name="param.TOKEN"'
        in client.get(f"/runs/{run.pk}/").content.decode()
    )
    with pytest.raises(DomainError, match=r"TOKEN was deleted when run \d+ ended: give it again"):
        run_retry(run=run, actor=actor)
    with pytest.raises(DomainError, match="TOKEN"):
        run_retry(run=run, actor=actor, secrets={"TOKEN": "x"})  # shorter than one may be
    run.refresh_from_db()
    assert (run.status, run.attempt) == ("failed", 1)
    client.post(f"/runs/{run.pk}/retry/", {"param.TOKEN": CANARY})
    run.refresh_from_db()
    assert (run.status, run.attempt, secrets_of(run.pk)) == ("queued", 2, {"TOKEN": CANARY})
    assert CANARY not in everything_stored()
    assert AuditEntry.objects.filter(action="retry").latest("pk").params["secrets"] == ["TOKEN"]


def test_a_retry_of_a_later_phase_needs_none(run, actor):
    run.phases.update(state="done")
    Run.objects.filter(pk=run.pk).update(failed_phase="release", failure="It failed", exit_code=0)
    run_moved(run.pk, to="failed")
    run.refresh_from_db()
    assert run_retry(run=run, actor=actor).run.status == "queued"
    assert secrets_of(run.pk) == {}


def test_no_page_shows_it(run, admin, client):
    client.force_login(admin)
    form = {"script": SCRIPT.decode(), "param.TOKEN": CANARY, "memory": "lots"}
    other = beside(run)
    pages = [
        client.get(f"/runs/{run.pk}/"),
        client.get(f"/runs/new/?again={run.pk}"),
        client.get(f"/runs/compare/?a={other.pk}&b={run.pk}"),
        client.get("/audit/"),
        client.post("/runs/parse/", form),
        client.post("/runs/new/", form),
    ]
    assert [page.status_code for page in pages] == [200, 200, 200, 200, 200, 422]
    assert all(CANARY not in page.content.decode() for page in pages)


def test_by_page_and_api_it_is_neither_logged_nor_recorded(demo, admin, client, caplog):
    caplog.set_level(logging.DEBUG)
    client.force_login(admin)
    client.post("/runs/new/", {"script": SCRIPT.decode(), "param.TOKEN": CANARY})
    body = {"command": "parse script=s.sh", "parameters": {"TOKEN": CANARY}}
    assert client.post("/api/command/", json.dumps(body), content_type="application/json").json()["success"]
    assert secrets_of(Run.objects.get().pk) == {"TOKEN": CANARY}
    assert CANARY not in caplog.text + everything_stored()


@pytest.mark.parametrize(
    "line",
    [
        f"provision script=s.sh parameters='TOKEN={CANARY}'",
        f"provision script=s.sh parameters='TOKEN={CANARY}",
        f"provision script=s.sh parameters={CANARY}",
        f"provision script=s.sh parameters=TOKEN={CANARY} nonsense=1",
        f"provision script=s.sh parameters=--token {CANARY}",
        f"send run=1 text=my {CANARY}",
    ],
)
def test_a_command_is_no_place_for_it_and_does_not_keep_it(demo, actor, line, caplog):
    caplog.set_level(logging.DEBUG)
    answer = run_command(line, Caller(actor, waits=False))
    assert not answer["success"] and CANARY not in json.dumps(answer)
    assert AuditEntry.objects.exists() and CANARY not in caplog.text + everything_stored()


def test_beside_a_command_it_is_taken(demo, actor):
    caller = Caller(actor, waits=False, parameters={"TOKEN": CANARY})
    answer = run_command("provision script=s.sh parameters='--region us' memory=64M timeout=9", caller)
    run = Run.objects.get(pk=answer["run"])
    assert secrets_of(run.pk) == {"TOKEN": CANARY}
    assert (run.overrides["memory"], run.timeout_s) == ([None, 64], 9)
    assert CANARY not in json.dumps(answer) and CANARY not in repr(caller)


def test_running_again_asks_for_it_and_keeps_the_rest(run, actor, client, admin):
    run_moved(run.pk, to="failed")
    run.refresh_from_db()
    with pytest.raises(DomainError, match="TOKEN has no default and was not given"):
        run_again(run=run, actor=actor)
    again = run_again(run=run, actor=actor, parameters={"TOKEN": "another"}).run
    assert again.parameters[1]["value"] == "us"
    client.force_login(admin)
    assert client.post(f"/runs/{run.pk}/again/").headers["Location"] == f"/runs/new/?again={run.pk}"
    page = client.get(f"/runs/new/?again={run.pk}").content.decode()
    assert "Secrets are deleted when a run ends: give TOKEN again, and run it" in page


def test_what_is_dumped_for_a_backup_is_sealed(run):
    assert CANARY not in serializers.serialize("json", [*Run.objects.all(), *RunSecrets.objects.all()])


def test_a_stranger_cannot_begin_with_anothers_run(run, member):
    client = Client()
    client.force_login(member)
    assert client.get(f"/runs/new/?again={run.pk}").status_code == 404
    assert client.get(f"/runs/compare/?b={run.pk}").status_code == 404
