"""The tree, the clone's chain and the commands."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bases.services import Source, base_revise
from clones.models import Clone
from clones.share_models import Share
from clones.tree import tree_of
from commands.dispatch import run_command
from commands.service import Caller
from people.rights import SEE
from tests.clones.conftest import fresh, image, write

pytestmark = pytest.mark.slow


@pytest.fixture
def family(made, member_actor):
    web = made("web")
    write(web.disk, "1M", "64k", "0x21")
    made("child", web)
    made("theirs", who=member_actor)
    return fresh(web)


def names(node):
    return [node.kind, node.name, node.hidden, *[names(child) for child in node.children]]


def test_the_tree_has_everything_where_it_stands(family, demo, admin, member):
    (revision,) = tree_of(demo, admin)
    layer = ["layer", "web as it was", 0, ["clone", "child", 0], ["clone", "web", 0]]
    assert names(revision) == ["base", "demo@1", 0, layer, ["clone", "theirs", 0]]
    (mine,) = tree_of(demo, member)
    assert names(mine) == [
        "base",
        "demo@1",
        0,
        ["layer", "another's clone as it was", 2],
        ["clone", "theirs", 0],
    ]


def test_the_pages_show_chain_and_tree_and_take_the_actions(family, client, admin, settings):
    settings.COWWEB_CHAIN_WARN_DEPTH = 2
    client.force_login(admin)
    tree = client.get("/bases/demo/tree/").content.decode()
    assert "web as it was" in tree and "/clones/child/" in tree
    page = client.get("/clones/child/").content.decode()
    assert "2 files deep" in page and "Flatten" in page and "Clone this" in page
    assert client.post("/clones/child/clone/", {"name": "third", "no_start": "1"}).status_code == 302
    assert client.post("/clones/child/flatten/").status_code == 302
    assert "Flattening: queued" in client.get("/clones/child/").content.decode()
    assert client.post("/clones/child/cancel-task/").status_code == 302
    for path in ("promote", "rebase"):
        assert client.post(f"/clones/web/{path}/", {"name": "demo"}).status_code == 302


@pytest.mark.parametrize("path", ["clone", "flatten", "promote", "rebase", "cancel-task"])
def test_others_clones_are_not_there(family, client, member, path):
    client.force_login(member)
    assert client.post(f"/clones/web/{path}/").status_code == 404


@pytest.mark.parametrize(
    "line", ["clone from=web", "flatten name=child", "promote name=child as=mine", "rebase name=child"]
)
def test_who_may_only_look_at_a_clone_changes_nothing_of_it(family, member, member_actor, line):
    for clone in Clone.objects.exclude(owner=member):
        Share.objects.create(clone=clone, user=member, level=SEE)
    refused = run_command(line, Caller(actor=member_actor))
    assert (refused["code"], Clone.objects.count()) == ("forbidden", 3)
    assert "You may look at" in refused["error"]


def test_the_commands_answer_with_what_was_done(family, actor):
    caller = Caller(actor=actor)
    made = run_command("clone from=child name=next no_start", caller)
    assert (made["success"], made["basedOn"], made["started"]) == (True, "demo", False)
    flat = run_command("flatten name=next", caller)
    assert flat["output"] == "next: One layer drawn into one on demo@1"
    assert run_command("promote name=next as=demo", caller)["output"] == "next: Published as demo@2"
    rehearsal = run_command("rebase base=demo rehearse=true", caller)
    assert rehearsal["count"] == 4
    assert run_command("rebase name=next to=2", caller)["success"] is True
    refused = run_command("rebase name=next", caller)
    assert (refused["success"], refused["code"]) == (False, "conflict")
    assert run_command("rebase to=2", caller)["error"] == "rebase requires name parameter"


def test_the_tree_asks_as_often_for_many_clones_as_for_few(family, made, site, actor, client, admin):
    disk = image(site.COWWEB_IMPORT_FOLDERS[0] / "next.qcow2", "65M")
    base_revise(name="demo", source=Source(disk), actor=actor)
    client.force_login(admin)
    client.get("/bases/demo/tree/")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert "Move all that can" in client.get("/bases/demo/tree/").content.decode()
        return len(captured)

    few = queries()
    parent = family
    for name in ("three", "four", "five"):
        parent = made(name, parent)
        write(parent.disk, "3M", "64k", "0x31")
    assert queries() == few
