"""The registry of runtimes: what a guest has is found and remembered, what it lacks is brought by its digest."""

import hashlib
import os
from pathlib import Path

import pytest

from bases.models import BaseRevision
from clones.survey import site_surveyed
from cowweb.errors import DomainError, ForbiddenError, NotFoundError
from provisioning.engine import run_carried_out
from provisioning.known_runtimes import KNOWN, known_runtimes
from provisioning.models import Runtime, RuntimeFound
from provisioning.output import stream_text
from provisioning.registry import Wish, runtime_install, runtime_named, runtime_register, runtime_remove

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PERLISH = '#!/bin/sh\necho "interpreted $1 by $0"; cat "$1" | tail -n 1\n'


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The guest is a shell of this host: what is brought goes to a home of the test's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def file(site) -> Path:
    path = site.COWWEB_IMPORT_FOLDERS[0] / "frobl"
    path.write_text(PERLISH)
    return path


@pytest.fixture
def frobl(file, actor) -> Runtime:
    return runtime_register(Wish(name="frobl", file=file, description="a made up language"), actor=actor)


def phase(run):
    row = run.phases.get(name="runtime")
    return row.state, row.note


def test_every_site_knows_these(db):
    assert {row.name for row in known_runtimes()} == {"rexx", "regina", "sh", "bash", "python3"}
    assert known_runtimes().count() == len(KNOWN)


def test_its_file_in_the_store_is_the_sites_own_until_nothing_brings_it(frobl, file, actor, monkeypatch):
    monkeypatch.setattr("clones.unknown.YOUNG_S", -1.0)
    assert site_surveyed() == 0 and frobl.file.is_file()
    stranger = frobl.file.with_name("notes.runtime")
    stranger.write_text("somebody's")
    assert site_surveyed() == 1 and stranger.exists()
    stranger.unlink()
    other = runtime_register(Wish(name="frobl2", file=file), actor=actor)
    runtime_remove(runtime=frobl, actor=actor)
    assert other.file.is_file()
    before = other.file
    file.write_text(PERLISH + "# newer\n")
    newer = runtime_register(Wish(name="frobl2", file=file), actor=actor)
    assert newer.file.is_file() and not before.exists()
    assert site_surveyed() == 0


def test_what_a_revision_has_is_seen_once(on_shell_text, monkeypatch):
    run = on_shell_text("#!/usr/bin/env python3\n# kvm-infra-use: demo\nprint(6 * 7)\n", "x.py")
    run_carried_out(run.pk)
    assert stream_text(run.pk, "stdout") == "42\n"
    assert phase(run) == ("skipped", "python3 is there")
    seen = RuntimeFound.objects.get(runtime__name="python3")
    assert seen.revision == run.clone.revision and seen.path.endswith("python3")
    monkeypatch.setattr(
        "provisioning.runtimes.looked_for", lambda *_, **__: pytest.fail("it was looked for again")
    )
    again = on_shell_text("#!/usr/bin/env python3\n# kvm-infra-use: demo\nprint(1)\n", "y.py")
    run_carried_out(again.pk)
    assert stream_text(again.pk, "stdout") == "1\n"


def test_the_first_script_of_a_revision_looks_for_all_that_the_site_knows(
    on_shell_text, frobl, client, admin
):
    run = on_shell_text("#!/bin/sh\n# kvm-infra-use: demo\necho here\n", "x.sh")
    run_carried_out(run.pk)
    assert phase(run) == ("skipped", "the guest's own shell")
    seen = {row.runtime.name: row.path for row in RuntimeFound.objects.filter(revision=run.clone.revision)}
    assert set(seen) == {"rexx", "regina", "sh", "bash", "python3", "frobl"}
    assert seen["sh"].endswith("/sh") and seen["python3"].endswith("/python3") and seen["frobl"] == ""
    client.force_login(admin)
    told = client.get("/bases/demo/").text.partition("<dt>Runtimes</dt>")[2].partition("</dd>")[0]
    assert "python3" in told and "frobl" not in told.partition("lacks")[0] and "frobl" in told


def test_what_is_missing_is_brought_whole_and_calls_the_script(on_shell_text, frobl, home):
    run = on_shell_text("#!/usr/bin/env frobl\n# kvm-infra-use: demo\nlast line\n", "x.frobl")
    run_carried_out(run.pk)
    digest = hashlib.sha256(PERLISH.encode()).hexdigest()
    assert phase(run) == ("done", f"brought frobl, sha256 {digest[:12]}")
    brought = home / ".cowweb" / "frobl" / "frobl"
    assert brought.read_text() == PERLISH and os.access(brought, os.X_OK)
    out = stream_text(run.pk, "stdout")
    assert f"by {brought}\n" in out and out.endswith("last line\n")
    assert (
        RuntimeFound.objects.get(runtime=frobl).path == ""
    )  # the revision has none, whatever was brought into a clone


def test_a_file_that_changed_in_the_store_is_not_brought(on_shell_text, frobl, home):
    frobl.file.chmod(0o644)
    frobl.file.write_text("evil")
    run = on_shell_text("#!/usr/bin/env frobl\n# kvm-infra-use: demo\n", "x.frobl")
    with pytest.raises(DomainError, match="no longer has sha256"):
        run_carried_out(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failed_phase) == ("failed", "runtime")
    assert not (home / ".cowweb").exists()


def test_one_that_nobody_has_is_left_to_its_shebang(on_shell_text):
    run = on_shell_text("#!/usr/bin/perl\n# kvm-infra-use: demo\nprint 1+1;\n", "x.pl")
    run_carried_out(run.pk)
    assert stream_text(run.pk, "stdout") == "2\n"
    assert phase(run) == ("skipped", "its first line: /usr/bin/perl")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "#!/usr/bin/env nonesuch\n# kvm-infra-use: demo\n",
            "status 127: the guest seems to have no nonesuch, and the site knows no runtime of this name",
        ),
        ("#!/bin/sh\n# kvm-infra-use: demo\nexit 127\n", "status 127"),
    ],
)
def test_one_that_neither_guest_nor_site_has_is_named(on_shell_text, text, words):
    run = on_shell_text(text, "x")
    with pytest.raises(DomainError):
        run_carried_out(run.pk)
    run.refresh_from_db()
    assert run.failure == f"The script ended with exit {words}"


def test_an_install_is_a_run_that_brings_it_and_publishes(empty_base, frobl, actor, member_actor):
    run = runtime_install(runtime=frobl, base="demo", actor=actor).run
    assert (run.runtime_asked, run.publish_as, run.afterwards) == ("frobl", "demo", "remove")
    assert run.phases.filter(name="publish").exists()
    with pytest.raises(ForbiddenError):
        runtime_install(runtime=frobl, base="demo", actor=member_actor)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"name": "../x"}, "name='../x': write up to 40"),
        ({"name": "x", "from_stdin": "x -"}, "from_stdin='x -': say where the program goes"),
        ({"name": "x", "from_file": "{program}"}, "say where the script goes"),
        ({"name": "x", "sha256": "abc"}, "write 64 hexadecimal digits"),
        ({"name": "x", "sha256": "0" * 64}, "give the file with it"),
    ],
)
def test_a_wrong_wish_is_refused_by_its_field(db, actor, wish, words):
    with pytest.raises(DomainError, match=words):
        runtime_register(Wish(**wish), actor=actor)
    assert not Runtime.objects.filter(name="x").exists()


def test_a_file_with_another_digest_is_not_kept(file, actor):
    with pytest.raises(DomainError, match="nothing was kept"):
        runtime_register(Wish(name="frobl", file=file, sha256="0" * 64), actor=actor)
    assert not Runtime.objects.filter(name="frobl").exists()


def test_only_curators_change_the_registry(frobl, member_actor, file):
    with pytest.raises(ForbiddenError):
        runtime_register(Wish(name="frobl", file=file), actor=member_actor)
    with pytest.raises(ForbiddenError):
        runtime_remove(runtime=frobl, actor=member_actor)


def test_a_changed_runtime_is_looked_for_anew_and_a_known_one_stays(empty_base, frobl, actor):
    RuntimeFound.objects.create(runtime=frobl, revision=BaseRevision.objects.get(), path="/old")
    runtime_register(Wish(name="frobl", look="command -v frobl2"), actor=actor)
    assert not RuntimeFound.objects.exists()
    assert runtime_named("frobl").digest == frobl.digest
    runtime_remove(runtime=frobl, actor=actor)
    with pytest.raises(NotFoundError):
        runtime_named("frobl")
    with pytest.raises(DomainError, match="known to every site"):
        runtime_remove(runtime=runtime_named("bash"), actor=actor)
