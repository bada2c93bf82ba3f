"""Where the milliseconds went, by base and way; and what the pages of clones say of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bases.models import BaseImage, BaseRevision
from clones.forms import CloneForm
from clones.models import Clone
from clones.pages import CAME
from clones.sharing import memory_shared
from clones.times import STRIPS, times_of
from tests.pools.conftest import base, clone_row, template, template_row  # noqa: F401 - fixtures

COLD = {"way": "cold", "ready_ms": 1990, "identity_ms": 77}
MEMORY = {"way": "memory", "identity_ms": 30}


def test_each_way_has_its_median_and_its_gain_over_a_boot(base, admin):  # noqa: F811
    for number, ways in enumerate([COLD, MEMORY, MEMORY | {"identity_ms": 10}, MEMORY | {"identity_ms": 90}]):
        clone_row(base, admin, f"c{number}", **ways)
    times = times_of(Clone.objects.all())
    assert [(way["way"], way["median_ms"], way["count"]) for way in times["ways"]] == [
        ("memory", 40, 3),
        ("cold", 2000, 1),
    ]
    assert times["ways"][0]["quicker"] == 50
    assert [(row["base"], row["way"]) for row in times["rows"]] == [("demo", "memory"), ("demo", "cold")]


def test_of_many_bases_those_with_the_most_clones_are_drawn(admin, site):
    for number in range(STRIPS + 3):
        image = BaseImage.objects.create(name=f"base-{number:02}")
        revision = BaseRevision.objects.create(
            base=image, number=1, digest=f"{number:064}", virtual_size=1, file_size=1
        )
        image.current, image.status = revision, BaseImage.Status.READY
        image.save()
        for copy in range(2 if number > 2 else 1):
            clone_row(image, admin, f"c-{number}-{copy}", **COLD)
    times = times_of(Clone.objects.all())
    assert (times["rows"][0]["base"], times["more"]) == ("base-03", 3)


def test_a_clone_that_boots_again_keeps_no_identity_phase(base, admin):  # noqa: F811
    clone = clone_row(base, admin, "again", **COLD)
    assert [phase["name"] for phase in clone.phases] == ["disk", "start", "ready"]
    assert clone.total_ms == times_of(Clone.objects.all())["ways"][0]["median_ms"]


@pytest.mark.parametrize("way", Clone.Way.values)
def test_every_way_has_its_sentence_and_its_mark(client, admin, base, way):  # noqa: F811
    clone_row(base, admin, "web", way=way)
    client.force_login(admin)
    assert all(client.get(path).status_code == 200 for path in ("/", "/clones/", "/bases/demo/"))
    text = client.get("/clones/web/").text
    assert f"<b>{Clone.Way(way).label}.</b> {CAME[way]}" in text and "ic-help-circle" not in text


def test_a_clone_back_from_its_saved_memory_is_no_new_clone(base, admin):  # noqa: F811
    clone_row(base, admin, "back", way="saved")
    assert times_of(Clone.objects.all())["count"] == 0


@pytest.fixture
def machine(base, template, admin):  # noqa: F811
    clone_row(base, admin, "web", template=template, identity_verified=True, **MEMORY)
    return "/clones/web/"


def test_the_page_says_how_it_came_and_that_its_identity_is_its_own(client, admin, machine):
    client.force_login(admin)
    text = client.get(machine).text
    assert "It went on from the memory" in text and "Identity verified" in text
    assert "template " in text and "?tab=pool" in text


@pytest.mark.parametrize("path", ["/", "/clones/", "/clones/web/"])
def test_one_that_was_ready_at_once_is_drawn_with_its_time(client, admin, machine, path):
    """Its guest answered before it ran, so waiting for it took no time at all."""
    clone = Clone.objects.get(name="web")
    assert clone.ready_ms == 0 and clone.total_ms
    client.force_login(admin)
    assert f"{clone.total_ms:.0f} ms" in client.get(path).text


def test_a_boot_says_why_it_was_not_quicker(client, admin, base):  # noqa: F811
    clone_row(base, admin, "slow", way_reason="no template of this machine", **COLD)
    client.force_login(admin)
    text = client.get("/clones/slow/").text
    assert "Not quicker, because no template of this machine." in text and "Identity verified" not in text


def test_who_owns_none_of_the_clones_sees_their_times_without_their_names(client, member, machine):
    client.force_login(member)
    text = client.get("/bases/demo/").text
    assert "everyone&#x27;s last 1" in text or "everyone's last 1" in text
    assert ">web<" not in text


def test_the_form_takes_a_path_and_none_that_there_is_not():
    assert CloneForm({"base": "demo", "path": "spare"}).is_valid()
    assert CloneForm({"base": "demo"}).is_valid()
    assert not CloneForm({"base": "demo", "path": "teleport"}).is_valid()
    assert not CloneForm({"base": "demo", "path": "saved"}).is_valid()
    form = CloneForm({"base": "demo", "path": "cold"})
    assert form.is_valid() and form.wanted()[0].way == "cold"


def test_sharing_counts_a_template_once_and_a_process_that_is_gone_as_nothing(base, template, admin):  # noqa: F811
    gone = {"pid": 2**22 + 1, "started_ticks": 1, "boot_id": "", "uuid": str(template.uuid), "folder": "/"}
    for number in range(3):
        clone_row(base, admin, f"c{number}", template=template, status="running", record=gone, **MEMORY)
    shared = memory_shared(Clone.objects.all())
    assert (shared["count"], shared["templates"], shared["private"]) == (3, 2**26, 0)
    assert shared["saved"] == 2 * 2**26


@pytest.mark.parametrize("path", ["/", "/clones/", "/bases/demo/"])
def test_more_clones_cost_no_more_queries(client, admin, base, path):  # noqa: F811
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    client.force_login(admin)
    clone_row(base, admin, "first", **COLD)
    queries()
    before = queries()
    for number in range(6):
        clone_row(base, admin, f"c{number}", template=template_row(base, memory_mb=200 + number), **MEMORY)
    assert queries() == before
