"""A run's page offers what its reader may do: who may only look is not led to a refusal."""

import re

import pytest

from audit.services import operation
from clones.models import Clone
from clones.services import MAKE
from hosts.jobs import enqueue
from provisioning.models import Run
from provisioning.services import RUN
from tests.clones.conftest import demo as a_base, made as a_maker
from tests.people.conftest import actor_for, crowd as crowd_of_each

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
demo, made, crowd = a_base, a_maker, crowd_of_each
WAYS_ON = {"Keep the clone for a look", "Destroy the clone"}


@pytest.fixture
def run(crowd, made) -> Run:
    """An administrator's, on a clone of the team."""
    clone = made("web", who=actor_for(crowd.administrator))
    Clone.objects.filter(pk=clone.pk).update(team=crowd.team)
    return Run.objects.create(
        script_name="job.sh",
        script_text="true",
        script_sha256="0" * 64,
        owner=crowd.administrator,
        clone=clone,
        clone_name="web",
        base_reference="demo",
        status=Run.Status.RUNNING,
        interactive=True,
    )


def buttons(client, run) -> set[str]:
    main = re.search(r"<main.*</main>", client.get(f"/runs/{run.pk}/").text, re.DOTALL)[0]
    found = re.findall(r"<button(?![^>]*\bdisabled)[^>]*>(.*?)</button>", main, re.DOTALL)
    return {re.sub(r"<[^>]+>", "", text).strip() for text in found}


@pytest.mark.parametrize(("who", "may"), [("viewer", False), ("member", True), ("administrator", True)])
def test_while_it_runs(crowd, run, who, may, client):
    client.force_login(getattr(crowd, who))
    assert ("Cancel" in buttons(client, run)) is may


@pytest.mark.parametrize(
    ("who", "ways"), [("viewer", set()), ("member", {"Keep the clone for a look"}), ("owner", WAYS_ON)]
)
def test_after_it_failed(crowd, run, who, ways, client):
    Run.objects.filter(pk=run.pk).update(status=Run.Status.FAILED, failure="exit status 1", exit_code=1)
    client.force_login(getattr(crowd, who))
    offered = buttons(client, run)
    assert offered & WAYS_ON == ways
    assert any("Retry" in words for words in offered) is bool(ways)


def test_while_its_clone_is_being_released_nobody_is_told_that_it_was_removed(crowd, run, client):
    Run.objects.filter(pk=run.pk).update(failed_phase="script", failure="exit status 1", exit_code=1)
    client.force_login(crowd.administrator)
    page = client.get(f"/runs/{run.pk}/").text
    assert "More ways on as soon as its clone is released" in page
    assert "was removed" not in page


def test_a_clones_record_begins_with_what_made_it_and_has_the_runs_on_it(crowd, run, client):
    admin = actor_for(crowd.administrator)
    with operation(admin, "provision", target="script:job.sh") as op:
        enqueue(RUN, run.pk, entry=op.entry)
    with operation(admin, "clone", target="base:demo") as op:
        enqueue(MAKE, run.clone.pk + 1, entry=op.entry)  # of another clone
    client.force_login(crowd.administrator)
    entries = client.get("/clones/web/?tab=audit").context["entries"]
    assert [entry.action for entry in entries] == ["provision", "clone"]
