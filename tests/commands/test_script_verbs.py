"""The library in the command language."""

import pytest

from audit.models import AuditEntry
from bases.models import BaseRevision
from commands.dispatch import run_command
from commands.service import Caller
from tests.support.known_images import image_at

TEXT = "#!/bin/sh\n# kvm-infra-use: demo\necho hello\n"


@pytest.fixture
def file(site):
    path = site.COWWEB_IMPORT_FOLDERS[0] / "hello.sh"
    path.write_text(TEXT)
    return path


def test_a_file_becomes_a_script_and_is_run_by_its_name(demo, file, do):
    kept = do("save_script name=hello.sh file=hello.sh description='says hello'")
    assert (kept["output"], kept["version"], kept["isNew"]) == ("hello.sh@1 is kept", 1, True)
    assert do("save_script name=hello.sh file=hello.sh")["isNew"] is False
    assert do("show_script name=hello.sh@1")["text"] == TEXT
    (listed,) = do("list_scripts")["scripts"]
    assert (listed["name"], listed["version"], listed["owner"]) == ("hello.sh", 1, "admin")
    assert do("parse script=hello.sh@1")["metadata"]["vmBase"] == "demo"


def test_a_changed_file_is_the_next_version(file, do, actor):
    do("save_script name=hello.sh file=hello.sh")
    file.write_text(TEXT + "echo more\n")
    assert do("save_script name=hello.sh file=hello.sh note='says more'")["version"] == 2
    assert do("show_script name=hello.sh")["text"].endswith("more\n")
    assert do("remove_script name=hello.sh")["success"]
    assert do("list_scripts")["count"] == 0


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("save_script name=x.sh file=no.sh", "not_found", "no file 'no.sh'"),
        ("save_script name=x.sh file=/etc/passwd", "forbidden", "outside the import folders"),
        ("save_script name=.x file=hello.sh", "invalid", "is not a name of a script"),
        ("save_script name=x.sh", "invalid", "save_script requires name and file parameters"),
        ("show_script name=no.sh", "not_found", "Script no.sh not found"),
        ("remove_script name=no.sh", "not_found", "Script no.sh not found"),
    ],
)
def test_a_refusal_says_what_is_wrong(db, file, do, line, code, sentence):
    answer = do(line)
    assert (answer["success"], answer["code"]) == (False, code)
    assert sentence in answer["error"]


def test_a_file_that_is_no_text_is_refused(db, file, do):
    file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in do("save_script name=x.sh file=hello.sh")["error"]


def test_the_record_names_the_script(db, file, do):
    do("save_script name=hello.sh file=hello.sh")
    assert AuditEntry.objects.get().target == "script:hello.sh"


def test_the_shell_is_told_that_its_file_is_not_there(db, actor, tmp_path):
    """It may read any file, so what it names is never outside of something."""
    refused = run_command(f"save_script name=x.sh file={tmp_path}/no.sh", Caller(actor, reads_own_files=True))
    assert (refused["code"], refused["error"]) == (
        "not_found",
        f"file='{tmp_path}/no.sh' is no file that can be read",
    )


def test_a_script_of_the_shells_user_is_read_where_it_is(site, demo, actor, tmp_path):
    script = tmp_path / "mine.sh"
    script.write_text("# kvm-infra-use: demo\ntrue\n")
    caller = Caller(actor, reads_own_files=True)
    assert run_command(f"parse script={script}", caller)["metadata"]["vmBase"] == "demo"
    assert not list(site.COWWEB_IMPORT_FOLDERS[0].rglob("*mine.sh"))  # no copy of it is left


def test_an_image_of_the_shells_user_becomes_a_base_from_where_it_is(site, actor, tmp_path):
    disk = image_at(tmp_path / "mine.qcow2", "16M")
    made = run_command(f"register_base name=mine disk={disk}", Caller(actor, reads_own_files=True))
    assert (made["success"], BaseRevision.objects.get().origin) == (True, "mine.qcow2")
    assert not list(site.COWWEB_IMPORT_FOLDERS[0].iterdir())
