"""The tab Dependents names what stands on a base, was made of it or asks for it, as far as one may see it."""

import pytest

from bases.models import BaseImage
from clones.models import Clone, DiskTask
from clones.services import clone_create
from clones.wanted import Wanted
from pools.models import Spare, Template
from provisioning.library import Draft, script_save
from provisioning.models import Run
from provisioning.named_by import named_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(demo, admin, actor) -> BaseImage:
    """`demo` with a clone, a template with spares, a script, two runs and a base made of the clone."""
    clone = clone_create(Wanted(base="demo", name="web", start=False), actor=actor).clone
    template = Template.objects.create(
        revision=demo.current, memory_mb=64, cpus=1, fingerprint="f", status="ready"
    )
    for status in ("ready", "filling", "taken"):
        Spare.objects.create(template=template, status=status)
    for name, base in (("a.sh", "demo"), ("b.sh", "demo@1"), ("c.sh", "demo-2")):
        script_save(Draft(name, f"# kvm-infra-use: {base}\necho demo\n", ""), actor=actor)
    for base in ("demo", "demo@next", "demo-2"):
        Run.objects.create(script_name="a.sh", owner=admin, clone_name="x", base_reference=base)
    for state in ("done", "failed"):
        DiskTask.objects.create(clone=clone, kind="promote", state=state, target_name=f"made-{state}")
    return BaseImage.objects.get(pk=demo.pk)


def test_everything_that_names_a_base_is_found(used, admin):
    found = named_by(used, admin)
    assert [clone.name for clone in found.clones] == ["web"]
    assert [template.waiting for template in found.templates] == [2]
    assert [script.name for script in found.scripts] == ["a.sh", "b.sh"]
    assert [run.base_reference for run in found.runs] == ["demo@next", "demo"]
    assert [task.target_name for task in found.promoted] == ["made-done"]


def test_the_tab_shows_them_with_their_owners(used, admin, client):
    client.force_login(admin)
    page = client.get("/bases/demo/?tab=dependents").content.decode()
    for words in ("/clones/web/", "/scripts/b.sh/", "made-done", "the newest of 2", "admin"):
        assert words in page


def test_whoever_may_not_see_them_is_told_that_there_are_clones_and_no_name(used, member, client):
    client.force_login(member)
    page = client.get("/bases/demo/?tab=dependents").content.decode()
    assert "1 clone that you may not see" in page
    assert "/clones/web/" not in page and "Runs that named it" not in page


def test_a_base_that_nothing_names_says_so(demo, admin, client):
    client.force_login(admin)
    assert Clone.objects.count() == 0
    assert "Nothing depends on it" in client.get("/bases/demo/?tab=dependents").content.decode()
